"""Totals and the ledger's drill-down on the API."""

import json
from dataclasses import fields, replace
from typing import Any

from flask import request, url_for

import ledger
from shop.db import db
from shop.finance import drilldown, queries
from shop.finance.drilldown import Filter
from shop.finance.knowledge import Known
from shop.finance.periods import Period
from shop.finance.queries import LEDGER_READERS, TOTALS_READERS, TotalsView
from shop.finance.schemas import (
    AccountSchema,
    AccountsQuery,
    CursorQuery,
    StatementSchema,
    TotalsQuery,
    TotalsSchema,
    TransferSchema,
    TransfersQuery,
)
from shop.identity.actor import require_actor, requires
from shop.rest import ApiBlueprint, page_headers

blueprint = ApiBlueprint("finance", __name__, description="Totals and drill-down, straight from the ledger")

Answer = tuple[Any, int, dict[str, str]]


@blueprint.get("/totals")
@requires(*TOTALS_READERS)
@blueprint.arguments(TotalsQuery, location="query")
@blueprint.response(200, TotalsSchema)
def totals(query: dict[str, Any]) -> TotalsView:
    """Sum a book by any of its dimensions; an officer gets the totals of their own partner."""
    queries.check_dimensions(query["book"], query["by"])
    where = queries.scope(require_actor(), book=query["book"])

    def view(period: Period) -> TotalsView:
        return queries.totals(
            db.session, book=query["book"], by=query["by"], period=period, where=where, known=query["known"]
        )

    compared: Period | None = query["compared"]
    return replace(view(query["period"]), compared=view(compared) if compared else None)


@blueprint.get("/ledger/transfers")
@requires(*LEDGER_READERS)
@blueprint.arguments(TransfersQuery, location="query")
@blueprint.response(200, TransferSchema(many=True))
def transfers(query: dict[str, Any]) -> Answer:
    """List transfers, the oldest business day first; `Link` and `X-Pagination` lead to the next page.

    `X-Known-At` repeats the moment of knowledge that was asked for.
    """
    chosen = Filter(query["book"], query["account"], query["source"], query["period"], known=query["known"])
    page = drilldown.transfers(db.session, chosen, cursor=query["cursor"], page_size=query["page_size"])
    return page.rows, 200, _cursor_headers(page.next_cursor, query["page_size"]) | _known_header(query["known"])


@blueprint.get("/ledger/accounts")
@requires(*LEDGER_READERS)
@blueprint.arguments(AccountsQuery, location="query")
@blueprint.response(200, AccountSchema(many=True))
def accounts(query: dict[str, Any]) -> Answer:
    """List the accounts that have been used, with their balances.

    `X-Known-At` repeats the moment of knowledge that was asked for.
    """
    rows = ledger.accounts(db.session, book=query["book"], prefix=query["prefix"], known_at=query["known"].moment)
    page, page_size = query["page"], query["page_size"]
    headers = page_headers(page=page, page_size=page_size, total=len(rows)) | _known_header(query["known"])
    return rows[(page - 1) * page_size : page * page_size], 200, headers


@blueprint.get("/ledger/accounts/<code>/statement")
@requires(*LEDGER_READERS)
@blueprint.arguments(CursorQuery, location="query")
@blueprint.response(200, StatementSchema)
def statement(query: dict[str, Any], code: str) -> Answer:
    """State one account over a period, read at one instant."""
    period: Period = query["period"]
    known: Known = query["known"]
    with queries.snapshot() as session:
        found = drilldown.statement(
            session, code, period=period, known=known, cursor=query["cursor"], page_size=query["page_size"]
        )
    body = {field.name: getattr(found, field.name) for field in fields(found)} | {"known_at": known.text or None}
    return body, 200, _cursor_headers(found.next_cursor, query["page_size"])


def _known_header(known: Known) -> dict[str, str]:
    return {"X-Known-At": known.text} if known.text else {}


def _cursor_headers(next_cursor: str | None, page_size: int) -> dict[str, str]:
    headers = {"X-Pagination": json.dumps({"page_size": page_size, "next_cursor": next_cursor})}
    if next_cursor is not None:
        values = request.args.to_dict() | (request.view_args or {}) | {"cursor": next_cursor}
        headers["Link"] = f'<{url_for(str(request.endpoint), **values)}>; rel="next"'
    return headers
