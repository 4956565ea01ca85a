"""Months and the sealed head on the API."""

from datetime import date
from typing import Any

from sqlalchemy.orm import Session

import ledger
from shop.db import business_day, db, transaction
from shop.finance.months import queries, rules, service
from shop.finance.months.schemas import (
    ChangedPeriodSchema,
    CloseSchema,
    HeadSchema,
    PeriodSchema,
    PeriodsQuery,
    ReopenSchema,
    shown,
)
from shop.finance.queries import LEDGER_READERS, snapshot
from shop.identity.actor import require_actor, requires
from shop.identity.idempotency import idempotent
from shop.identity.models import Role
from shop.rest import ApiBlueprint, page_headers

blueprint = ApiBlueprint("periods", __name__, description="Month end: closing, reopening and the sealed head")


@blueprint.get("/periods")
@requires(*LEDGER_READERS)
@blueprint.arguments(PeriodsQuery, location="query")
@blueprint.response(200, PeriodSchema(many=True))
def list_periods(query: dict[str, Any]) -> tuple[Any, int, dict[str, str]]:
    """List the months that hold something or were closed once, the newest first."""
    books = [query["book"]] if query["book"] else ledger.BOOKS
    with snapshot() as session:
        rows = [found for book in books for found in queries.months(session, book, today=business_day())]
    rows.sort(key=lambda found: found.row.month, reverse=True)
    page, page_size = query["page"], query["page_size"]
    headers = page_headers(page=page, page_size=page_size, total=len(rows))
    return [shown(found) for found in rows[(page - 1) * page_size : page * page_size]], 200, headers


@blueprint.post("/periods/<book>/<month>/close")
@idempotent
@requires(Role.FINANCE)
@blueprint.arguments(CloseSchema)
@blueprint.response(200, ChangedPeriodSchema)
def close_period(body: dict[str, str], book: str, month: str) -> dict[str, Any]:
    """Close a month that is over, and seal everything that is posted."""
    first_day = rules.read_month(month)
    with transaction() as session:
        service.close_month(
            session,
            require_actor(),
            rules.checked_book(book),
            first_day,
            today=business_day(),
            reason=body["reason"],
        )
        return _changed(session, book, first_day)


@blueprint.post("/periods/<book>/<month>/reopen")
@idempotent
@requires(Role.FINANCE)
@blueprint.arguments(ReopenSchema)
@blueprint.response(200, ChangedPeriodSchema)
def reopen_period(body: dict[str, str], book: str, month: str) -> dict[str, Any]:
    """Open a closed month again, with the reason."""
    first_day = rules.read_month(month)
    with transaction() as session:
        service.reopen_month(session, require_actor(), rules.checked_book(book), first_day, reason=body["reason"])
        return _changed(session, book, first_day)


@blueprint.get("/ledger/head")
@requires(*LEDGER_READERS)
@blueprint.response(200, HeadSchema)
def head() -> ledger.Head:
    """Return the last seal, which stands for everything before it, and how many entries wait for theirs."""
    return ledger.head(db.session)


def _changed(session: Session, book: str, first_day: date) -> dict[str, Any]:
    found = queries.month(session, book, first_day, today=business_day())
    return shown(found) | {"head": ledger.head(session)}
