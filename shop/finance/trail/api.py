"""The audit trail on the API."""

from typing import Any

from shop.db import db
from shop.finance.trail import queries
from shop.finance.trail.schemas import TrailQuery, TrailSchema, shown
from shop.identity.actor import requires
from shop.rest import ApiBlueprint, page_headers

blueprint = ApiBlueprint("audit", __name__, description="The audit trail")


@blueprint.get("/audit")
@requires(*queries.READERS)
@blueprint.arguments(TrailQuery, location="query")
@blueprint.response(200, TrailSchema(many=True))
def list_events(query: dict[str, Any]) -> tuple[Any, int, dict[str, str]]:
    """Search the audit trail, the latest event first."""
    page = queries.events(db.session, query["search"], page=query["page"], page_size=query["page_size"])
    headers = page_headers(page=page.page, page_size=page.page_size, total=page.total)
    return [shown(seen) for seen in page.items], 200, headers
