"""Checks of the facts themselves: accounts, entries and their transfers."""

from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Row, func, select, text

from ledger import chart, journal
from ledger.errors import LedgerError
from ledger.journal import Draft, Leg
from ledger.tables import account_table, entry_table, transfer_table
from ledger.verify.findings import Books, Cell


def accounts(books: Books) -> None:
    """Every code is legal in its book, and every id and kind is what follows from it."""
    books.begin("accounts")
    query = select(account_table).order_by(account_table.c.book, account_table.c.code)
    for row in books.stream("accounts", query, total=books.count(account_table)):
        books.checked["accounts"] += 1
        books.codes[row.id] = row.code
        name = f"account {row.book} {row.code}"
        try:
            account = chart.parse(row.book, row.code)
        except LedgerError as error:
            books.fail("accounts", name, str(error))
            continue
        if row.id != account.id:
            books.fail("accounts", name, f"its id is {row.id}, but its code gives {account.id}")
        if row.kind != account.kind:
            books.fail("accounts", name, f"its kind is {row.kind!r}, but its code says {account.kind!r}")


_EVERYTHING = text("""
    SELECT
        coalesce(entry.id, transfer.entry_id) AS group_id,
        entry.id AS entry_id, entry.book, entry.key, entry.payload_hash, entry.month, entry.effective_on,
        entry.occurred_on,
        entry.source, entry.memo, entry.reverses,
        transfer.id AS transfer_id, transfer.debit_account, transfer.credit_account, transfer.amount_fen,
        transfer.effective_on AS day, transfer.kind, transfer.source AS transfer_source
    FROM ledger_entry entry FULL JOIN ledger_transfer transfer ON transfer.entry_id = entry.id
    ORDER BY group_id, transfer.id
""")


def entries(books: Books) -> None:
    """Every entry has its transfers, they say what it says, and all of it together has the stored hash."""
    books.begin("entries", "transfers", "payload")
    rows = books.stream("entries", _EVERYTHING, total=books.count(transfer_table))
    for _, group in groupby(rows, key=attrgetter("group_id")):
        found = list(group)
        transfers = [row for row in found if row.transfer_id is not None]
        for row in transfers:
            counted = books.cells[Cell(row.debit_account, row.credit_account, row.day, row.kind)]
            counted[0] += 1
            counted[1] += row.amount_fen
        books.checked["transfers"] += len(transfers)
        if found[0].entry_id is None:
            books.fail("transfers", f"transfer {found[0].transfer_id}", f"its entry {found[0].group_id} is missing")
            continue
        books.checked["entries"] += 1
        _entry(books, found[0], transfers)


def _entry(books: Books, entry: Row[Any], transfers: list[Row[Any]]) -> None:
    name = f"entry {entry.key}"
    if entry.month != entry.effective_on.replace(day=1):
        books.fail("entries", name, f"its month is {entry.month}, but it counts on {entry.effective_on}")
    if not transfers:
        books.fail("entries", name, "it has no transfers")
        return
    for number, row in enumerate(transfers, start=1):
        problem = _transfer_problem(entry, row, number)
        if problem is not None:
            books.fail("transfers", f"transfer {row.transfer_id} of {name}", problem)
    books.checked["payload"] += 1
    try:
        draft = Draft(
            entry.book,
            entry.key,
            entry.occurred_on,
            entry.source,
            tuple(
                Leg(books.code(row.debit_account), books.code(row.credit_account), row.amount_fen, row.kind)
                for row in transfers
            ),
            memo=entry.memo,
            reverses=entry.reverses,
        )
    except LedgerError as error:
        books.fail("payload", name, f"it could not be posted as it stands: {error}")
        return
    if draft.payload_hash != entry.payload_hash:
        books.fail("payload", name, "its rows do not give its payload hash: a row was changed, deleted or added")


def _transfer_problem(entry: Row[Any], row: Row[Any], number: int) -> str | None:
    if row.transfer_id != journal.transfer_id(entry.entry_id, number):
        return f"its id is not that of leg {number} of its entry"
    if row.day != entry.effective_on:
        return f"it counts on {row.day}, its entry on {entry.effective_on}"
    if row.transfer_source != entry.source:
        return f"its source is {row.transfer_source!r}, that of its entry {entry.source!r}"
    return None


def keys(books: Books) -> None:
    """No two entries have the same key."""
    books.checked["keys"] = books.count(entry_table)
    key = entry_table.c.key
    for row in books.session.execute(select(key).group_by(key).having(func.count() > 1).order_by(key)):
        books.fail("keys", f"entry {row.key}", "more than one entry has this key")
