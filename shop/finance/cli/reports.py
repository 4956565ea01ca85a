"""`flask ledger totals` and `flask ledger statement`."""

from datetime import date, datetime

import click

import ledger as books
from shop.db import db, now
from shop.errors import ShopError
from shop.finance import drilldown, knowledge, periods, queries
from shop.finance.cli.output import data_kind, in_english, write, write_csv
from shop.finance.knowledge import Known
from shop.finance.periods import Period
from shop.finance.queries import TotalsView
from shop.finance.tables import plain_yuan

_PAGE = 1000
_FIGURES = ("amount_yuan", "amount_fen", "count")
_TOTAL_LABELS = {
    "aid": "total (all sides, for checking the books only)",
    "cash": "total (debits minus credits: zero)",
}
_DAY = click.DateTime(formats=["%Y-%m-%d"])
_KNOWN = "Count only what was posted before the end of this day (2021-10-15), or before an instant with its zone."


@click.command()
@in_english
@click.option("--book", default="aid", show_default=True, type=click.Choice(books.BOOKS))
@click.option("--by", default="partner,mode", show_default=True, help="Dimensions, separated by commas.")
@click.option("--from", "since", type=_DAY, help="First day.")
@click.option("--to", "last", type=_DAY, help="Last day, included.")
@click.option("--known-at", "known_at", help=_KNOWN)
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV, amounts in yuan and in fen.")
def totals(
    *, book: str, by: str, since: datetime | None, last: datetime | None, known_at: str | None, as_csv: bool
) -> None:
    """Sum a book by its dimensions, as the pages and the API do."""
    dimensions = tuple(name.strip() for name in by.split(",") if name.strip())
    try:
        period, known = _period(since, last), _known(known_at)
        view = queries.totals(db.session, book=book, by=dimensions, period=period, known=known)
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
        "known_at": view.known.text or "now",
        "rules": ", ".join(view.rules),
        "data": data_kind(),
    }
    if as_csv:
        write_csv([*labels, *_FIGURES, *facts], [[*row, *facts.values()] for row in rows], labels=len(labels))
    else:
        write([*labels, *_FIGURES], rows)
        click.echo("; ".join(f"{name} {value}" for name, value in facts.items()))


@click.command()
@in_english
@click.argument("account")
@click.option("--from", "since", type=_DAY, help="First day.")
@click.option("--to", "last", type=_DAY, help="Last day, included.")
@click.option("--as-of", "as_of", type=_DAY, help="The same as --to: the balance at the end of that day.")
@click.option("--known-at", "known_at", help=_KNOWN)
def statement(
    *, account: str, since: datetime | None, last: datetime | None, as_of: datetime | None, known_at: str | None
) -> None:
    """State an account over some days: opening, every transfer, closing."""
    if last is not None and as_of is not None:
        raise click.UsageError("give either --to or --as-of")
    period, known, cursor = _period(since, last or as_of), _known(known_at), None
    rows: list[list[str]] = []
    with queries.snapshot() as session:
        while True:
            try:
                page = drilldown.statement(session, account, period=period, known=known, cursor=cursor, page_size=_PAGE)
            except ShopError as error:
                raise click.UsageError(f"no such account code: {account}") from error
            rows += [_statement_cells(line) for line in page.rows]
            cursor = page.next_cursor
            if cursor is None:
                break
    known_label = f"; known at {known.text}" if known.text else ""
    click.echo(f"{account}\n{period.label}{known_label}; {data_kind()}\nopening {plain_yuan(page.opening_fen)}")
    write(["day", "source", "entry", "amount_yuan", "balance_yuan", "own_day"], rows)
    click.echo(f"closing {plain_yuan(page.closing_fen)}")


def _period(since: datetime | None, last: datetime | None) -> Period:
    try:
        return periods.checked(_day(since), _day(last))
    except ShopError as error:
        raise click.UsageError("the last day must not be before the first") from error


def _known(text: str | None) -> Known:
    try:
        return knowledge.read(text or "", at=now())
    except ShopError as error:
        raise click.UsageError(f"--known-at {error.told}") from error


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


def _statement_cells(line: books.StatementLine) -> list[str]:
    row = line.transfer
    figures = [plain_yuan(line.signed_fen), plain_yuan(line.balance_fen)]
    own_day = "" if row.occurred_on == row.effective_on else row.occurred_on.isoformat()
    return [row.effective_on.isoformat(), row.source, row.entry_key, *figures, own_day]
