"""The audit trail as a page and as a file."""

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from shop.db import business_day, db
from shop.finance import periods
from shop.finance.trail import queries, words
from shop.finance.trail.queries import Search
from shop.finance.trail.schemas import LONGEST
from shop.identity.actor import requires
from shop.web import page_number

blueprint = Blueprint("trail", __name__)

PAGE_SIZE = 50


@blueprint.get("/audit")
@requires(*queries.READERS)
def audit_page() -> ResponseReturnValue:
    """Show what was done, the latest first."""
    search = _search()
    found = queries.events(db.session, search, page=page_number(), page_size=PAGE_SIZE)
    return render_template(
        "trail/audit.html",
        page=found,
        search=search,
        actions=[(action, words.action_label(action)) for action in queries.actions(db.session)],
        action_label=words.action_label,
        changes=words.changes,
        facts=words.facts,
        max_export=queries.MAX_EXPORT,
    )


@blueprint.get("/audit.csv")
@requires(*queries.READERS)
def audit_csv() -> ResponseReturnValue:
    """Send what was found as a file."""
    response = Response(words.as_csv(queries.every_event(db.session, _search())), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="ganwei-audit-{business_day()}.csv"'
    return response


def _search() -> Search:
    texts = {
        name: request.args.get(field, "").strip()[:LONGEST]
        for name, field in (("person", "person"), ("subject", "object"), ("action", "action"), ("text", "q"))
    }
    return Search(**texts, period=periods.from_args(request.args))
