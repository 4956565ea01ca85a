"""`flask ledger ...`: the books on the command line. Exit codes: 0 done, 1 found something wrong, 2 called wrongly."""

from flask.cli import AppGroup

from shop.finance.cli import checks, months, reports

ledger = AppGroup("ledger", help="Look into the books, check, seal and close them.")
for command in (
    checks.verify,
    checks.seal,
    months.close,
    months.reopen,
    months.periods,
    reports.totals,
    reports.statement,
):
    ledger.add_command(command)
