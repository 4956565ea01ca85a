"""Writing to the books. Everything runs in the caller's database transaction and never commits."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection as PsycopgConnection
from sqlalchemy import Connection, select, text
from sqlalchemy.orm import Session

from ledger import journal
from ledger.chart import account_id
from ledger.errors import InvalidDraft, KeyReused
from ledger.journal import Draft
from ledger.tables import SHARDS, entry_table


@dataclass(frozen=True, slots=True)
class Posted:
    """The entry that holds a draft's payload, and whether this call made it."""

    entry_id: UUID
    is_new: bool


@dataclass(frozen=True, slots=True)
class BulkPosted:
    """How many drafts became entries, and how many were repeats."""

    new: int
    repeated: int


# The class of the advisory locks below: "ledg" in ASCII.
_LOCK_CLASS = 0x6C656467

# Entries that exist are passed over, and so are their accounts, transfers and flow. A transaction counts in a shard
# that no other holds, its backend's own if it can, so writers of one hot row neither queue nor deadlock; who makes new
# accounts waits for others who do. Foreign keys are checked after the statement, so its parts may run in any order.
_POST = """
WITH staged AS NOT MATERIALIZED ({rows}),
entries AS (
    INSERT INTO ledger_entry
        (id, book, key, payload_hash, effective_on, posted_by, source, reverses, memo)
    SELECT entry_id, book, key, payload_hash, effective_on, CAST(%(by)s AS text), source, reverses, memo
    FROM staged
    WHERE payload_hash IS NOT NULL
    ORDER BY key COLLATE "C"
    ON CONFLICT (key) DO NOTHING
    RETURNING id
), missing AS MATERIALIZED (
    SELECT id, book, code
    FROM unnest(
        CAST(%(account_ids)s AS uuid[]), CAST(%(account_books)s AS text[]), CAST(%(account_codes)s AS text[])
    ) AS used (id, book, code)
    WHERE EXISTS (SELECT FROM entries)
        AND NOT EXISTS (SELECT FROM ledger_account known WHERE known.id = used.id)
), accounts AS (
    INSERT INTO ledger_account (id, book, code)
    SELECT id, book, code
    FROM missing
    WHERE pg_advisory_xact_lock({lock_class}, {shards}) IS NOT NULL
    ON CONFLICT DO NOTHING
), transfers AS (
    INSERT INTO ledger_transfer
        (id, entry_id, debit_account, credit_account, amount_fen, effective_on, kind, source)
    SELECT transfer_id, entry_id, debit, credit, amount_fen, effective_on, kind, source
    FROM staged JOIN entries ON entries.id = staged.entry_id
    RETURNING debit_account, credit_account, effective_on, kind, amount_fen
), shard AS MATERIALIZED (
    SELECT coalesce(
        (
            SELECT (pg_backend_pid() + step) %% {shards}
            FROM generate_series(0, {shards} - 1) step
            WHERE pg_try_advisory_xact_lock({lock_class}, (pg_backend_pid() + step) %% {shards})
            LIMIT 1
        ),
        pg_backend_pid() %% {shards}
    ) AS number
), flow AS (
    INSERT INTO ledger_flow AS held
        (debit_account, credit_account, day, kind, shard, count, amount_fen)
    SELECT debit_account, credit_account, effective_on, kind, number, count(*), sum(amount_fen)
    FROM transfers CROSS JOIN shard
    GROUP BY debit_account, credit_account, effective_on, kind, number
    ORDER BY debit_account, credit_account, effective_on, kind
    ON CONFLICT (debit_account, credit_account, day, kind, shard) DO UPDATE
    SET count = held.count + excluded.count, amount_fen = held.amount_fen + excluded.amount_fen
)
SELECT count(*) FROM entries
"""

_ONE_ENTRY = """
    SELECT
        CAST(%(entry_id)s AS uuid) AS entry_id, CAST(%(book)s AS text) AS book, CAST(%(key)s AS text) AS key,
        CASE WHEN number = 1 THEN CAST(%(payload_hash)s AS bytea) END AS payload_hash,
        CAST(%(effective_on)s AS date) AS effective_on, CAST(%(source)s AS text) AS source,
        CAST(%(reverses)s AS uuid) AS reverses, CAST(%(memo)s AS text) AS memo,
        transfer_id, debit, credit, amount_fen, kind
    FROM unnest(
        CAST(%(transfer_ids)s AS uuid[]), CAST(%(debits)s AS uuid[]), CAST(%(credits)s AS uuid[]),
        CAST(%(amounts_fen)s AS bigint[]), CAST(%(kinds)s AS text[])
    ) WITH ORDINALITY AS leg (transfer_id, debit, credit, amount_fen, kind, number)
"""

_STAGE_COLUMNS = """
    entry_id uuid, book text, key text, payload_hash bytea, effective_on date, source text, reverses uuid,
    memo text, transfer_id uuid, debit uuid, credit uuid, amount_fen bigint, kind text
"""


def _statement(rows: str) -> str:
    return _POST.format(rows=rows, shards=SHARDS, lock_class=_LOCK_CLASS)


# In the driver's own style of parameters: most of the time of a post is the client's, and this saves a third of that.
_POST_ONE = _statement(_ONE_ENTRY)
_POST_STAGED = _statement("SELECT * FROM ledger_stage")

_FIRST_CONFLICT = text("""
    SELECT staged.key
    FROM ledger_stage staged JOIN ledger_entry entry ON entry.key = staged.key
    WHERE staged.payload_hash <> entry.payload_hash
    ORDER BY staged.entry_id
    LIMIT 1
""")


def post(session: Session, draft: Draft, *, by: str = "system") -> Posted:
    """Post a draft as an entry, once, in one SQL statement.

    The same key with the same payload again changes nothing, also when two do it at the same time: the second waits
    for the first.

    Args:
        by: who posts, for the record; a repeat may come from somebody else.

    Raises:
        KeyReused: the key belongs to an entry with another payload. Nothing is written then.
        InvalidDraft: the draft is a mirror; `reverse` posts those, because it knows what is left to reverse.
    """
    _refuse_mirror(draft)
    return post_checked(session, draft, by=by)


def post_checked(session: Session, draft: Draft, *, by: str) -> Posted:
    """Post a draft of which the caller in this package has checked that it may be a mirror."""
    new_id = journal.entry_id()
    legs = draft.legs
    ids = {code: account_id(draft.book, code).hex for leg in legs for code in (leg.debit, leg.credit)}
    parameters: dict[str, Any] = {
        "by": by,
        "entry_id": new_id.hex,
        "book": draft.book,
        "key": draft.key,
        "payload_hash": draft.payload_hash,
        "effective_on": draft.effective_on,
        "source": draft.source,
        "reverses": draft.reverses,
        "memo": draft.memo,
        "transfer_ids": _array([f"{new_id.int + number:032x}" for number in range(1, len(legs) + 1)]),
        "debits": _array([ids[leg.debit] for leg in legs]),
        "credits": _array([ids[leg.credit] for leg in legs]),
        "amounts_fen": _array([str(leg.amount_fen) for leg in legs]),
        "kinds": _array([leg.kind for leg in legs]),
        "account_ids": _array(ids.values()),
        "account_books": _array([draft.book] * len(ids)),
        "account_codes": _array(ids),
    }
    if session.connection().exec_driver_sql(_POST_ONE, parameters).scalar_one():
        return Posted(new_id, is_new=True)
    # A statement of its own, because only it sees an entry that another transaction has committed meanwhile.
    held = session.execute(
        select(entry_table.c.id, entry_table.c.payload_hash).where(entry_table.c.key == draft.key)
    ).one()
    if held.payload_hash != draft.payload_hash:
        raise KeyReused(draft.key)
    return Posted(held.id, is_new=False)


def post_many(session: Session, drafts: Iterable[Draft], *, by: str = "system") -> BulkPosted:
    """Post drafts in bulk: all, or with an error none. The drafts are read once and not kept.

    A draft whose key and payload exist already, in the books or earlier among the drafts, is counted as repeated.

    Raises:
        KeyReused: a key has another payload already; the first such key in the order of the drafts.
    """
    with session.begin_nested():
        connection = session.connection()
        session.execute(text(f"CREATE TEMPORARY TABLE ledger_stage ({_STAGE_COLUMNS}) ON COMMIT DROP"))
        stage = _Stage()
        with _driver(connection).cursor().copy("COPY pg_temp.ledger_stage FROM STDIN") as copy:
            for block in stage.blocks(drafts):
                copy.write(block)
        new: int = connection.exec_driver_sql(_POST_STAGED, {"by": by} | stage.accounts()).scalar_one()
        if new < stage.count:
            conflict = session.scalar(_FIRST_CONFLICT)
            if conflict is not None:
                raise KeyReused(conflict)
        session.execute(text("DROP TABLE pg_temp.ledger_stage"))
    return BulkPosted(new=new, repeated=stage.count - new)


class _Stage:
    """Writes drafts as lines for COPY, in the order of the stage's columns, and counts what it has seen."""

    def __init__(self) -> None:
        self.count = 0
        self._entry_ids = journal.entry_ids()
        self._ids: dict[tuple[str, str], str] = {}

    def blocks(self, drafts: Iterable[Draft]) -> Iterator[str]:
        """Yield lines in blocks that are large enough to be worth a call."""
        lines: list[str] = []
        for draft in drafts:
            _refuse_mirror(draft)
            self.count += 1
            self._append(draft, lines)
            if len(lines) >= _LINES_PER_BLOCK:
                yield "".join(lines)
                lines.clear()
        yield "".join(lines)

    def _append(self, draft: Draft, lines: list[str]) -> None:
        entry = next(self._entry_ids)
        book, key, source = draft.book, _escaped(draft.key), _escaped(draft.source)
        # Only the first line of an entry carries what the entry's own row needs.
        digest, memo = f"\\\\x{draft.payload_hash.hex()}", _escaped(draft.memo)
        for number, leg in enumerate(draft.legs, start=1):
            lines.append(
                f"{entry:032x}\t{book}\t{key}\t{digest}\t{draft.effective_on}\t{source}\t\\N\t{memo}"
                f"\t{entry + number:032x}\t{self._id(book, leg.debit)}\t{self._id(book, leg.credit)}"
                f"\t{leg.amount_fen}\t{leg.kind}\n"
            )
            digest = memo = "\\N"

    def _id(self, book: str, code: str) -> str:
        known = self._ids.get((book, code))
        if known is None:
            known = self._ids[book, code] = account_id(book, code).hex
        return known

    def accounts(self) -> dict[str, str]:
        """Give the accounts that the drafts use, as the statement wants them."""
        return {
            "account_ids": _array(self._ids.values()),
            "account_books": _array([book for book, _ in self._ids]),
            "account_codes": _array([code for _, code in self._ids]),
        }


_LINES_PER_BLOCK = 500


_MEANINGFUL = re.compile(r"[\\\t\n]")


def _escaped(value: str) -> str:
    """Escape a text for COPY; texts hold no other character that means something there."""
    if _MEANINGFUL.search(value) is None:
        return value
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _refuse_mirror(draft: Draft) -> None:
    if draft.reverses is not None:
        raise InvalidDraft("reverses", draft.reverses, "mirrors are posted by reverse()")


def _array(values: Iterable[str]) -> str:
    """Write an array for PostgreSQL, of values that need no quotes: ids, numbers, books, codes and kinds."""
    return f"{{{','.join(values)}}}"


def _driver(connection: Connection) -> PsycopgConnection:
    """Reach the driver's connection inside the transaction, for COPY."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, PsycopgConnection):
        raise TypeError(f"the ledger needs psycopg 3, not {type(driver)}")
    return driver
