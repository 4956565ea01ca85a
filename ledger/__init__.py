"""The ledger: two books of assistance and money that only grow. This is its front door.

    draft = Draft("aid", "order:7KQ2:capture", day, "order:7KQ2", (Leg(partner, county, 199_00, "sale"),))
    posted = ledger.post(session, draft, by="payments")

Every function takes a SQLAlchemy session, runs in the caller's database transaction and never commits. The ledger
knows no web framework, schema library or payment provider.
"""

from ledger.book import BulkPosted, Posted, post, post_many
from ledger.chart import BOOKS, Account, county_account, parse, partner_account
from ledger.errors import (
    AccountShapeError,
    AlreadyReversed,
    BadCursor,
    BadQuery,
    EntryNotFound,
    InvalidDraft,
    IsolationRefused,
    KeyReused,
    LedgerError,
    MoneyError,
    NotReversible,
    ReversalTooLarge,
    UnknownDimension,
)
from ledger.journal import Draft, Leg, uuid7
from ledger.money import allocate, format_yuan, line_amount_fen, parse_yuan
from ledger.reports import (
    DIMENSIONS,
    AccountRow,
    AccountStatement,
    Page,
    StatementLine,
    TotalRow,
    Totals,
    TransferRow,
    accounts,
    balance,
    statement,
    totals,
    transfers,
)
from ledger.reversals import EntryRow, EntryTransfer, find, reverse
from ledger.tables import grants, metadata
from ledger.verify import Problem, Progress, Verdict, verify

__all__ = [
    "BOOKS",
    "DIMENSIONS",
    "Account",
    "AccountRow",
    "AccountShapeError",
    "AccountStatement",
    "AlreadyReversed",
    "BadCursor",
    "BadQuery",
    "BulkPosted",
    "Draft",
    "EntryNotFound",
    "EntryRow",
    "EntryTransfer",
    "InvalidDraft",
    "IsolationRefused",
    "KeyReused",
    "LedgerError",
    "Leg",
    "MoneyError",
    "NotReversible",
    "Page",
    "Posted",
    "Problem",
    "Progress",
    "ReversalTooLarge",
    "StatementLine",
    "TotalRow",
    "Totals",
    "TransferRow",
    "UnknownDimension",
    "Verdict",
    "accounts",
    "allocate",
    "balance",
    "county_account",
    "find",
    "format_yuan",
    "grants",
    "line_amount_fen",
    "metadata",
    "parse",
    "parse_yuan",
    "partner_account",
    "post",
    "post_many",
    "reverse",
    "statement",
    "totals",
    "transfers",
    "uuid7",
    "verify",
]
