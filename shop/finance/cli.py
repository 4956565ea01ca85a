"""`flask ledger ...`: the books on the command line. Exit codes: 0 done, 1 found something wrong, 2 called wrongly."""

import csv
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import wraps
from typing import ParamSpec, Self

import click
from flask.cli import AppGroup
from flask_babel import force_locale
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

import ledger as books
from shop.db import db
from shop.errors import ShopError
from shop.finance import agreement, drilldown, periods, queries
from shop.finance.periods import Period
from shop.finance.queries import TotalsView
from shop.finance.tables import guarded, plain_yuan

ledger = AppGroup("ledger", help="Look into the books and check them.")

P = ParamSpec("P")

_PAGE = 1000
_FIGURES = ("amount_yuan", "amount_fen", "count")
_TOTAL_LABELS = {
    "aid": "total (all sides, for checking the books only)",
    "cash": "total (debits minus credits: zero)",
}
_DAY = click.DateTime(formats=["%Y-%m-%d"])


def _in_english(command: Callable[P, None]) -> Callable[P, None]:
    """Run a command with the registry's English names and English refusals."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with force_locale("en"):
            command(*args, **kwargs)

    return run


@ledger.command()
@_in_english
def verify() -> None:
    """Recompute both books from their rows and from the documents; name the first bad row of each check."""
    with db.sessionmaker() as session, _ProgressBars() as bars:
        verdict = agreement.verify(session, on_progress=bars.update)
    problems = {problem.check: problem for problem in verdict.problems}
    for check, rows in verdict.checked.items():
        problem = problems.get(check)
        if problem is None:
            click.echo(f"ok     {check}: {rows} rows")
        else:
            click.echo(f"WRONG  {check}: {problem.count} of {rows}; first: {problem.row}: {problem.message}")
    if not verdict.ok:
        sys.exit(1)
    click.echo("The books agree.")


@ledger.command()
@_in_english
@click.option("--book", default="aid", show_default=True, type=click.Choice(books.BOOKS))
@click.option("--by", default="partner,mode", show_default=True, help="Dimensions, separated by commas.")
@click.option("--from", "since", type=_DAY, help="First day.")
@click.option("--to", "last", type=_DAY, help="Last day, included.")
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV, amounts in yuan and in fen.")
def totals(*, book: str, by: str, since: datetime | None, last: datetime | None, as_csv: bool) -> None:
    """Sum a book by its dimensions, as the pages and the API do."""
    dimensions = tuple(name.strip() for name in by.split(",") if name.strip())
    try:
        view = queries.totals(db.session, book=book, by=dimensions, period=_period(since, last))
    except ShopError as error:
        raise click.UsageError(str(error)) from error
    labels = [column for name in view.by for column in _columns(name)]
    rows = _rows(view)
    if view.by or not rows:  # without dimensions the one row is the total
        total = [*_total_cells(book, len(labels)), plain_yuan(view.total_fen), str(view.total_fen), str(view.count)]
        rows.append(total)
    facts = {
        "period": view.period.label,
        "as_of": f"{view.as_of:%Y-%m-%d %H:%M:%S %Z}",
        "rules": ", ".join(view.rules),
        "data": _data_kind(),
    }
    if as_csv:
        _write_csv([*labels, *_FIGURES, *facts], [[*row, *facts.values()] for row in rows], labels=len(labels))
    else:
        _write([*labels, *_FIGURES], rows)
        click.echo("; ".join(f"{name} {value}" for name, value in facts.items()))


@ledger.command()
@_in_english
@click.argument("account")
@click.option("--from", "since", type=_DAY, help="First day.")
@click.option("--to", "last", type=_DAY, help="Last day, included.")
@click.option("--as-of", "as_of", type=_DAY, help="The same as --to: the balance at the end of that day.")
def statement(*, account: str, since: datetime | None, last: datetime | None, as_of: datetime | None) -> None:
    """State an account over some days: opening, every transfer, closing."""
    if last is not None and as_of is not None:
        raise click.UsageError("give either --to or --as-of")
    period, cursor = _period(since, last or as_of), None
    rows: list[list[str]] = []
    with queries.snapshot() as session:
        while True:
            try:
                page = drilldown.statement(session, account, period=period, cursor=cursor, page_size=_PAGE)
            except ShopError as error:
                raise click.UsageError(f"no such account code: {account}") from error
            rows += [_statement_cells(line) for line in page.rows]
            cursor = page.next_cursor
            if cursor is None:
                break
    click.echo(f"{account}\n{period.label}; {_data_kind()}\nopening {plain_yuan(page.opening_fen)}")
    _write(["day", "source", "entry", "amount_yuan", "balance_yuan"], rows)
    click.echo(f"closing {plain_yuan(page.closing_fen)}")


class _ProgressBars:
    """One bar a check on a terminal; nothing in a pipe, where the verdict's lines are enough."""

    def __init__(self) -> None:
        self._progress = Progress(console=Console(stderr=True), transient=True)
        self._tasks: dict[str, TaskID] = {}
        self._is_shown = self._progress.console.is_terminal

    def __enter__(self) -> Self:
        if self._is_shown:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            self._progress.stop()

    def update(self, check: str, done: int, total: int) -> None:
        """Move the bar of a check."""
        if self._is_shown:
            if check not in self._tasks:
                self._tasks[check] = self._progress.add_task(check)
            self._progress.update(self._tasks[check], completed=done, total=total)


def _period(since: datetime | None, last: datetime | None) -> Period:
    try:
        return periods.checked(_day(since), _day(last))
    except ShopError as error:
        raise click.UsageError("the last day must not be before the first") from error


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _columns(dimension: str) -> list[str]:
    return [dimension, f"{dimension}_name"] if dimension in queries.CODED else [dimension]


def _rows(view: TotalsView) -> list[list[str]]:
    rows = []
    for row in view.rows:
        cells: list[str] = []
        for name in view.by:
            value = row.values[name]
            cells += [value] if isinstance(value, str) else [value["code"], value["name"]]
        rows.append([*cells, plain_yuan(row.amount_fen), str(row.amount_fen), str(row.count)])
    return rows


def _total_cells(book: str, columns: int) -> list[str]:
    """Return the cells before a total's figures: the label that says what is mixed in it, then blanks."""
    label = _TOTAL_LABELS[book]
    return [label, *([""] * (columns - 1))] if columns else []


def _data_kind() -> str:
    return "DEMO DATA, invented" if queries.is_demo() else "real data"


def _statement_cells(line: books.StatementLine) -> list[str]:
    row = line.transfer
    figures = [plain_yuan(line.signed_fen), plain_yuan(line.balance_fen)]
    return [row.effective_on.isoformat(), row.source, row.entry_key, *figures]


def _write_csv(headings: Sequence[str], rows: Sequence[Sequence[str]], *, labels: int) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(headings)
    # Figures may be negative; only what people named could be a formula.
    writer.writerows([*map(guarded, row[:labels]), *row[labels:]] for row in rows)


def _write(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not sys.stdout.isatty():
        for row in (headings, *rows):
            click.echo("\t".join(row))
        return
    table = Table(*headings)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
