"""Reading the books. Sums come from `ledger_flow` only, lines from the transfers."""

from ledger.reports.accounts import AccountRow, accounts, balance
from ledger.reports.dimensions import DIMENSIONS
from ledger.reports.statements import AccountStatement, StatementLine, statement
from ledger.reports.totals import TotalRow, Totals, totals
from ledger.reports.transfers import Page, TransferRow, transfers

__all__ = [
    "DIMENSIONS",
    "AccountRow",
    "AccountStatement",
    "Page",
    "StatementLine",
    "TotalRow",
    "Totals",
    "TransferRow",
    "accounts",
    "balance",
    "statement",
    "totals",
    "transfers",
]
