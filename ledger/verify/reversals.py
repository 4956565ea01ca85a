"""Check of the mirrors against their originals."""

from sqlalchemy import text

from ledger.verify.findings import ROWS_PER_FETCH, Books

_REVERSED = text("""
    SELECT
        entry.key, entry.book, original.key AS original_key, original.book AS original_book,
        original.reverses AS original_reverses, transfer.id AS transfer_id,
        coalesce(held.amount_fen, 0) AS held_fen,
        sum(transfer.amount_fen) OVER (
            PARTITION BY original.id, transfer.credit_account, transfer.debit_account, transfer.kind
            ORDER BY transfer.id
        ) AS reversed_fen
    FROM ledger_entry entry
    LEFT JOIN ledger_entry original ON original.id = entry.reverses
    JOIN ledger_transfer transfer ON transfer.entry_id = entry.id
    LEFT JOIN ledger_transfer held
        ON held.entry_id = original.id AND held.kind = transfer.kind
        AND held.debit_account = transfer.credit_account AND held.credit_account = transfer.debit_account
    WHERE entry.reverses IS NOT NULL
    ORDER BY transfer.id
""")


def reversals(books: Books) -> None:
    """Every mirror has an original of the same book, is no mirror of a mirror, and takes back no more than there is."""
    books.begin("reversals")
    for row in books.session.execute(_REVERSED, execution_options={"yield_per": ROWS_PER_FETCH}):
        books.checked["reversals"] += 1
        name = f"transfer {row.transfer_id} of entry {row.key}"
        if row.original_key is None:
            books.fail("reversals", name, "the entry that it reverses is missing")
        elif row.original_reverses is not None:
            books.fail("reversals", name, f"it reverses {row.original_key}, which is a reversal")
        elif row.original_book != row.book:
            books.fail("reversals", name, f"it is in {row.book}, its original in {row.original_book}")
        elif row.reversed_fen > row.held_fen:
            message = f"{row.reversed_fen} fen are reversed of the {row.held_fen} fen of {row.original_key}"
            books.fail("reversals", name, message)
