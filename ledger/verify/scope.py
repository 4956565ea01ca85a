"""What is checked: all of the books, or what came after a seal."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from ledger.verify.findings import Books

_ENTRIES = text("""
    CREATE TEMPORARY TABLE verified_entry ON COMMIT DROP AS
    SELECT entry.*
    FROM ledger_seal seal JOIN ledger_entry entry ON entry.id = seal.fact_id
    WHERE seal.seq > :since
    UNION
    SELECT entry.*
    FROM ledger_unsealed range JOIN ledger_entry entry ON entry.id BETWEEN range.first_fact AND range.last_fact
""")
_TRANSFERS = text(r"""
    CREATE TEMPORARY TABLE verified_transfer ON COMMIT DROP AS
    SELECT transfer.*
    FROM pg_temp.verified_entry entry JOIN ledger_transfer transfer ON transfer.id BETWEEN entry.id
        AND encode(substring(uuid_send(entry.id) FOR 14) || '\xffff'::bytea, 'hex')::uuid
""")


@contextmanager
def open_scope(books: Books) -> Iterator[None]:
    """Let the checks of entries and transfers read only what came after the seal, if there is one to start from."""
    if not books.since:
        yield
        return
    session = books.session
    session.execute(_ENTRIES, {"since": books.since})
    session.execute(_TRANSFERS)
    session.execute(text("ANALYZE pg_temp.verified_entry, pg_temp.verified_transfer"))
    books.entries, books.transfers = "pg_temp.verified_entry", "pg_temp.verified_transfer"
    yield
    session.execute(text("DROP TABLE pg_temp.verified_transfer, pg_temp.verified_entry"))
