"""Reading the books. Sums come from `ledger_flow` only, lines from the transfers."""

from ledger.reports.balances import AccountRow, accounts, balance
from ledger.reports.dimensions import DIMENSIONS
from ledger.reports.lines import Page, TransferRow, transfers
from ledger.reports.statements import AccountStatement, StatementLine, statement
from ledger.reports.sums import TotalRow, Totals, totals

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
