"""Pages of month end 月结: how the months stand, and closing or opening one after a second look."""

from collections.abc import Callable
from datetime import date

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session

import ledger
from shop.db import Page, business_day, db, transaction
from shop.errors import ShopError
from shop.finance import documents
from shop.finance.months import queries, rules, service
from shop.finance.months.forms import CloseForm, ReopenForm
from shop.finance.months.queries import Month
from shop.finance.queries import LEDGER_READERS, snapshot
from shop.identity.actor import require_actor, requires
from shop.identity.idempotency import idempotent
from shop.identity.models import Role
from shop.web import page_number

blueprint = Blueprint("months", __name__)

PAGE_SIZE = 24
BOOK_LABELS = {"aid": lazy_gettext("帮扶台账"), "cash": lazy_gettext("资金账")}
STATES = {
    "closed": (lazy_gettext("已结账"), "success"),
    "ahead": (lazy_gettext("未开始"), "muted"),
    "running": (lazy_gettext("进行中"), "muted"),
    "blocked": (lazy_gettext("产地待查"), "danger"),
    "due": (lazy_gettext("待结账"), "warning"),
}


@blueprint.context_processor
def _words() -> dict[str, object]:
    return {"books": BOOK_LABELS, "states": STATES, "state_of": state_of, "command_line": service.COMMAND_LINE}


def state_of(found: Month) -> str:
    """Return which word of `STATES` fits a month."""
    if found.is_closed:
        return "closed"
    if not found.is_over:
        return "running" if found.row.month <= business_day() else "ahead"
    return "blocked" if found.unknown else "due"


@blueprint.get("/finance/months")
@requires(*LEDGER_READERS)
def months_page() -> ResponseReturnValue:
    """Show the months of a book, the newest first, and the sealed head."""
    book = "cash" if request.args.get("book") == "cash" else "aid"
    with snapshot() as session:
        rows = queries.months(session, book, today=business_day())
        head = ledger.head(session)
    number = page_number()
    page = Page(rows[(number - 1) * PAGE_SIZE : number * PAGE_SIZE], len(rows), number, PAGE_SIZE)
    return render_template(
        "finance/months.html",
        book=book,
        page=page,
        head=head,
        due=[found.name for found in rows if found.is_over and not found.is_closed],
        names=queries.names(db.session, (found.row.changed_by for found in page.items)),
    )


@blueprint.get("/finance/months/<book>/<month>")
@requires(*LEDGER_READERS)
def month_page(book: str, month: str) -> ResponseReturnValue:
    """Show one month: what it holds, what keeps it from being closed, and its closings so far."""
    return _render_month(rules.checked_book(book), rules.read_month(month))


@blueprint.post("/finance/months/<book>/<month>/close")
@idempotent
@requires(Role.FINANCE)
def close_month(book: str, month: str) -> ResponseReturnValue:
    """Close a month."""
    form = CloseForm()

    def close(session: Session, first_day: date) -> str:
        reason = form.reason.data or ""
        service.close_month(session, require_actor(), book, first_day, today=business_day(), reason=reason)
        head = ledger.head(session)
        return str(gettext("%(month)s 已结账，第 %(seq)s 号封印覆盖本月全部记录。", month=month, seq=head.seq))

    return _change(book, month, form, close)


@blueprint.post("/finance/months/<book>/<month>/reopen")
@idempotent
@requires(Role.FINANCE)
def reopen_month(book: str, month: str) -> ResponseReturnValue:
    """Open a closed month again, with the reason."""
    form = ReopenForm()

    def reopen(session: Session, first_day: date) -> str:
        service.reopen_month(session, require_actor(), book, first_day, reason=form.reason.data or "")
        return str(gettext("%(month)s 已重新打开。", month=month))

    return _change(book, month, form, reopen)


def _change(
    book: str, month: str, form: CloseForm | ReopenForm, change: Callable[[Session, date], str]
) -> ResponseReturnValue:
    """Change a month and go to its page; a refused form, or a refusal, is shown on it."""
    first_day = rules.read_month(month)
    rules.checked_book(book)
    if not form.validate_on_submit():
        return _render_month(book, first_day, form=form, status=422)
    try:
        with transaction() as session:
            told = change(session, first_day)
    except ShopError as error:
        return _render_month(book, first_day, form=form, refusal=error.told, status=error.status)
    flash(told, "success")
    return redirect(url_for("months.month_page", book=book, month=month))


def _render_month(
    book: str,
    first_day: date,
    *,
    form: CloseForm | ReopenForm | None = None,
    refusal: str = "",
    status: int = 200,
) -> ResponseReturnValue:
    found = queries.month(db.session, book, first_day, today=business_day())
    changes = queries.changes(db.session, book, first_day)
    page = render_template(
        "finance/month.html",
        month=found,
        changes=changes,
        head=ledger.head(db.session),
        labels=documents.account_labels(db.session, found.unknown),
        names=queries.names(db.session, (change.changed_by for change in changes)),
        form=form or (ReopenForm() if found.is_closed else CloseForm()),
        refusal=refusal,
        may_change=require_actor().has(Role.FINANCE),
    )
    return page, status
