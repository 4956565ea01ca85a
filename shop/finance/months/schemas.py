"""The shapes of months and of the sealed head on the API."""

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

import ledger
from shop.finance.months.queries import Month
from shop.finance.months.rules import MAX_REASON
from shop.rest import PageQuery


class PeriodsQuery(PageQuery):
    """Of which book; of both when it is left out."""

    book = fields.String(load_default=None, validate=validate.OneOf(ledger.BOOKS))


class CloseSchema(ma.Schema):
    """A remark on the closing, if there is one."""

    reason = fields.String(load_default="", validate=validate.Length(max=MAX_REASON))


class ReopenSchema(ma.Schema):
    """Why the month is opened again."""

    reason = fields.String(required=True, validate=validate.Length(min=1, max=MAX_REASON))


class HeadSchema(ma.Schema):
    """The last seal, 0 and zeros when there is none, and how many entries wait for theirs."""

    seq = fields.Integer()
    hash = fields.Function(lambda head: head.hash.hex(), metadata={"type": "string"})
    sealed_at = fields.AwareDateTime(allow_none=True)
    waiting = fields.Integer()


class SealSchema(ma.Schema):
    """A seal: its number and its SHA-256."""

    seq = fields.Integer()
    hash = fields.Function(lambda head: head.hash.hex(), metadata={"type": "string"})


class PeriodSchema(ma.Schema):
    """A month of a book.

    `turnover_fen` adds up every transfer, mirrors too; `total_fen` is the net of the assistance book, null for the
    cash book. `entries` is known of closed months only.
    """

    book = fields.String()
    month = fields.String(metadata={"example": "2021-09"})
    state = fields.String(validate=validate.OneOf(("open", "closed")))
    entries = fields.Integer(allow_none=True)
    transfers = fields.Integer()
    turnover_fen = fields.Integer()
    total_fen = fields.Integer(allow_none=True)
    changed_at = fields.AwareDateTime(allow_none=True)
    changed_by = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)


class ChangedPeriodSchema(PeriodSchema):
    """A month that was just closed or opened again, and the last seal: after a closing it covers the month."""

    head = fields.Nested(SealSchema)


def shown(found: Month) -> dict[str, Any]:
    """Return a month as the API shows it."""
    row = found.row
    return {
        "book": row.book,
        "month": found.name,
        "state": row.state,
        "entries": row.entries,
        "transfers": row.transfers,
        "turnover_fen": row.turnover_fen,
        "total_fen": found.total_fen,
        "changed_at": row.changed_at,
        "changed_by": row.changed_by or None,
        "reason": None if row.changed_at is None else row.reason,
    }
