"""The shapes of totals and of the ledger's drill-down on the API."""

from typing import Any

import marshmallow as ma
from flask_babel import gettext
from marshmallow import fields, post_load, validate

from shop.db import now
from shop.errors import FieldError, InvalidInput
from shop.finance import knowledge
from shop.finance.figures.comparison import change_percent
from shop.finance.periods import checked
from shop.finance.queries import TotalsRow, TotalsView, is_demo
from shop.rest import MAX_PAGE_SIZE, PageQuery

_CODE = validate.Length(min=1, max=250)
_KNOWN_AT = {"description": "The `known_at` that was asked for."}


class KnownQuery(ma.Schema):
    """What the books said at an earlier moment; what they say now when it is left out."""

    known = fields.String(
        data_key=knowledge.FIELD,
        load_default="",
        validate=validate.Length(max=40),
        metadata={
            "description": "Count only what was posted before this moment: a day means its end in China, "
            "an instant is written as RFC 3339 has it, with its zone.",
            "example": "2021-10-15",
        },
    )

    @post_load
    def read_moment(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        """Read the moment."""
        return data | {"known": knowledge.read(data["known"], at=now())}


class PeriodQuery(KnownQuery):
    """Two business days, both included; either may be left out."""

    since = fields.Date(data_key="from", load_default=None)
    last = fields.Date(data_key="to", load_default=None)

    @post_load
    def make_period(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        """Replace the two days by the period between them."""
        return data | {"period": checked(data.pop("since"), data.pop("last"))}


class TotalsQuery(PeriodQuery):
    """Which book, cut how, over which days, compared with which."""

    book = fields.String(load_default="aid")
    by = fields.String(load_default="partner,mode", validate=validate.Length(max=200))

    compare_from = fields.Date(load_default=None, metadata={"description": "First day of a period to compare with."})
    compare_to = fields.Date(load_default=None, metadata={"description": "Its last day; both or neither are given."})

    @post_load
    def make_comparison(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        """Replace the two days by the period to compare with; None where there are none."""
        since, last = data.pop("compare_from"), data.pop("compare_to")
        if (since is None) != (last is None):
            name = "compare_to" if last is None else "compare_from"
            raise InvalidInput(errors=(FieldError(name, gettext("对比期间的起止日期要一起填")),))
        try:
            return data | {"compared": None if since is None else checked(since, last)}
        except InvalidInput as error:
            errors = tuple(FieldError(f"compare_{one.field}", one.message) for one in error.errors)
            raise InvalidInput(errors=errors) from error

    @post_load
    def split_dimensions(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        """Read `by` as a list; an empty one asks for the single sum."""
        return data | {"by": tuple(name.strip() for name in data["by"].split(",") if name.strip())}


def rows_of(view: TotalsView) -> list[dict[str, Any]]:
    """Return a view's rows as the API shows them; with a comparison, every row that either period has."""
    if view.compared is None:
        return [row.values | {"amount_fen": row.amount_fen, "count": row.count} for row in view.rows]
    now, before = ({tuple(row.codes.values()): row for row in one.rows} for one in (view, view.compared))
    values = {key: row.values for key, row in (before | now).items()}
    return [values[key] | _compared(now.get(key), before.get(key)) for key in sorted(values)]


def _compared(now: TotalsRow | None, before: TotalsRow | None) -> dict[str, Any]:
    amount_fen, compared_fen = now.amount_fen if now else 0, before.amount_fen if before else 0
    change = change_percent(amount_fen, compared_fen)
    return {
        "amount_fen": amount_fen,
        "count": now.count if now else 0,
        "compared_fen": compared_fen,
        "compared_count": before.count if before else 0,
        "difference_fen": amount_fen - compared_fen,
        "change_percent": None if change is None else str(change),
    }


class ComparedSchema(ma.Schema):
    """The period that totals are compared with, and its sums."""

    since = fields.Date(data_key="from", attribute="period.since")
    last = fields.Date(data_key="to", attribute="period.last")
    total_fen = fields.Integer()
    count = fields.Integer()
    rules = fields.List(fields.String())


class TotalsSchema(ma.Schema):
    """Totals. A dimension that has a code is an object with code and name; side, mode, month and year are text.

    Asked to compare, each row says beside its amount that of the other period, the difference, and the change in
    percent as a decimal; null where nothing was before.
    """

    rows = fields.Function(rows_of, dump_only=True, metadata={"type": "array", "items": {"type": "object"}})
    total_fen = fields.Integer()
    count = fields.Integer()
    as_of = fields.AwareDateTime()
    known_at = fields.Function(lambda view: view.known.text or None, metadata=_KNOWN_AT | {"type": ["string", "null"]})
    rules = fields.List(fields.String())
    compared = fields.Nested(ComparedSchema, allow_none=True, metadata={"description": "Null unless it was asked for."})
    is_demo = fields.Function(lambda _: is_demo(), metadata={"type": "boolean"})


class CursorQuery(PeriodQuery):
    """One page of a list that grows: `cursor` is the `next_cursor` of the page before."""

    cursor = fields.String(load_default=None, validate=validate.Length(max=200))
    page_size = fields.Integer(load_default=50, validate=validate.Range(min=1, max=MAX_PAGE_SIZE))


class TransfersQuery(CursorQuery):
    """Filters of the list of transfers."""

    book = fields.String(load_default=None, validate=validate.OneOf(("aid", "cash")))
    account = fields.String(load_default=None, validate=_CODE)
    source = fields.String(load_default=None, validate=_CODE)


class TransferSchema(ma.Schema):
    """One transfer. `reverses` is the key of the entry that it takes back.

    It counts on `effective_on`; its own day, `occurred_on`, is earlier where that day's month was closed already.
    """

    id = fields.UUID()
    entry_key = fields.String()
    book = fields.String()
    debit_account = fields.String()
    credit_account = fields.String()
    amount_fen = fields.Integer()
    effective_on = fields.Date()
    occurred_on = fields.Date()
    posted_at = fields.AwareDateTime()
    kind = fields.String()
    source = fields.String()
    reverses = fields.String(allow_none=True)


class AccountsQuery(PageQuery, KnownQuery):
    """Filters of the list of accounts."""

    book = fields.String(load_default=None, validate=validate.OneOf(("aid", "cash")))
    prefix = fields.String(load_default=None, validate=_CODE)


class AccountSchema(ma.Schema):
    """An account with its balance in its own sign."""

    code = fields.String()
    book = fields.String()
    kind = fields.String()
    balance_fen = fields.Integer()


class StatementLineSchema(ma.Schema):
    """A transfer as the account sees it, and the balance after it."""

    transfer = fields.Nested(TransferSchema)
    signed_fen = fields.Integer()
    balance_fen = fields.Integer()


class StatementSchema(ma.Schema):
    """An account over a period: opening and closing are those of the period, `brought_fen` that of the page."""

    account = fields.String()
    opening_fen = fields.Integer()
    brought_fen = fields.Integer()
    rows = fields.List(fields.Nested(StatementLineSchema))
    closing_fen = fields.Integer()
    known_at = fields.String(allow_none=True, metadata=_KNOWN_AT)
    is_demo = fields.Function(lambda _: is_demo(), metadata={"type": "boolean"})
    next_cursor = fields.String(allow_none=True)
