"""Checks of what is derived from the transfers: the flow, and the totals over it."""

from collections import defaultdict

from sqlalchemy import select, text

from ledger.reports import totals
from ledger.tables import flow_table
from ledger.verify.findings import Books, Cell


def flow(books: Books) -> None:
    """The flow is what the transfers add up to, cell by cell."""
    books.begin("flow")
    columns = flow_table.c
    query = select(
        columns.debit_account,
        columns.credit_account,
        columns.day,
        columns.kind,
        columns.count.label("transfers"),
        columns.amount_fen,
    )
    for row in books.stream("flow", query, total=books.count(flow_table)):
        books.checked["flow"] += 1
        left = books.cells[Cell(row.debit_account, row.credit_account, row.day, row.kind)]
        left[0] -= row.transfers
        left[1] -= row.amount_fen
    wrong = [(cell, left) for cell, left in books.cells.items() if left != [0, 0]]
    for cell, (count, amount_fen) in sorted(wrong, key=lambda item: (item[0].day, item[0])):
        name = f"flow {books.code(cell.debit)} to {books.code(cell.credit)}, {cell.day}, {cell.kind}"
        message = f"against the flow, the transfers hold {amount_fen:+} fen in {count:+} transfers"
        books.fail("flow", name, message)
    books.cells.clear()


def margins(books: Books) -> None:
    """What partners gave is what counties got, and the transfers say the same as the report."""
    books.begin("margins")
    sides = books.session.execute(
        text("""
            SELECT account.code, sum(given) AS given_fen, sum(got) AS got_fen
            FROM (
                SELECT debit_account AS id, amount_fen AS given, 0 AS got FROM ledger_transfer
                UNION ALL
                SELECT credit_account, 0, amount_fen FROM ledger_transfer
            ) side JOIN ledger_account account USING (id)
            WHERE account.book = 'aid'
            GROUP BY account.code
        """)
    ).all()
    margins: dict[str, int] = defaultdict(int)
    for row in sides:
        kind, code = row.code.split(":")[:2]
        net_fen = int(row.given_fen - row.got_fen)
        margins[f"{kind} {code}"] += net_fen if kind == "partner" else -net_fen
    reported = {
        f"{kind} {row.key[kind]}": row.amount_fen
        for kind in ("partner", "county")
        for row in totals(books.session, book="aid", by=[kind]).rows
    }
    books.checked["margins"] = len(margins)
    for name in sorted(margins.keys() | reported.keys()):
        rows_fen, report_fen = margins.get(name, 0), reported.get(name, 0)
        if rows_fen != report_fen:
            books.fail("margins", name, f"the transfers hold {rows_fen} fen, the totals {report_fen}")
    helped = sum(amount for name, amount in margins.items() if name.startswith("partner "))
    got = sum(amount for name, amount in margins.items() if name.startswith("county "))
    if helped != got:
        books.fail("margins", "book aid", f"partners gave {helped} fen, counties got {got}")
