"""The one SQL statement that posts, for a single entry and for a table of them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection as PsycopgConnection
from psycopg import Copy, Cursor
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ledger.tables import SHARDS

# The class of the advisory locks below: "ledg" in ASCII.
LOCK_CLASS = 0x6C656467

# Entries that exist are passed over, and so are their accounts, transfers and flow. A transaction counts in a shard
# that no other holds, its backend's own if it can, so writers of one hot row neither queue nor deadlock; who makes new
# accounts waits for others who do. Foreign keys are checked after the statement, so its parts may run in any order.
_POST = """
WITH staged AS NOT MATERIALIZED ({rows}),
entries AS (
    INSERT INTO ledger_entry
        (id, book, key, payload_hash, effective_on, occurred_on, posted_by, source, reverses, memo)
    SELECT
        entry_id, book, key, payload_hash, effective_on, occurred_on, CAST(%(by)s AS text), source, reverses, memo
    FROM staged
    WHERE payload_hash IS NOT NULL AND {may_post}
    ORDER BY key COLLATE "C", entry_id
    ON CONFLICT (key) DO NOTHING
    RETURNING id
), waiting AS (
    INSERT INTO ledger_unsealed (first_fact, last_fact, count)
    SELECT CAST(%(first_entry)s AS uuid), CAST(%(last_entry)s AS uuid), count(*)
    FROM entries
    HAVING count(*) > 0
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
    ) AS number, (now() AT TIME ZONE 'Asia/Shanghai')::date AS known_on
), flow AS (
    INSERT INTO ledger_flow AS held
        (debit_account, credit_account, day, kind, known_on, shard, count, amount_fen)
    SELECT debit_account, credit_account, effective_on, kind, known_on, number, count(*), sum(amount_fen)
    FROM transfers CROSS JOIN shard
    GROUP BY debit_account, credit_account, effective_on, kind, known_on, number
    ORDER BY debit_account, credit_account, effective_on, kind
    ON CONFLICT (debit_account, credit_account, day, kind, known_on, shard) DO UPDATE
    SET count = held.count + excluded.count, amount_fen = held.amount_fen + excluded.amount_fen
)
SELECT count(*) FROM entries
"""

_ONE_ENTRY = """
    SELECT
        CAST(%(first_entry)s AS uuid) AS entry_id, CAST(%(book)s AS text) AS book, CAST(%(key)s AS text) AS key,
        CASE WHEN number = 1 THEN CAST(%(payload_hash)s AS bytea) END AS payload_hash,
        CAST(%(effective_on)s AS date) AS effective_on, CAST(%(occurred_on)s AS date) AS occurred_on,
        CAST(%(source)s AS text) AS source, CAST(%(reverses)s AS uuid) AS reverses, CAST(%(memo)s AS text) AS memo,
        transfer_id, debit, credit, amount_fen, kind
    FROM unnest(
        CAST(%(transfer_ids)s AS uuid[]), CAST(%(debits)s AS uuid[]), CAST(%(credits)s AS uuid[]),
        CAST(%(amounts_fen)s AS bigint[]), CAST(%(kinds)s AS text[])
    ) WITH ORDINALITY AS leg (transfer_id, debit, credit, amount_fen, kind, number)
"""

STAGE_COLUMNS = """
    entry_id uuid, book text, key text, payload_hash bytea, occurred_on date, source text,
    memo text, transfer_id uuid, debit uuid, credit uuid, amount_fen bigint, kind text
"""
# Months that are closed come as arrays, with the day on which their entries may count instead, if any.
_STAGED_ENTRIES = """
    SELECT stage.*, NULL::uuid AS reverses, coalesce(closed.day, stage.occurred_on) AS effective_on,
        closed.book IS NULL OR closed.day IS NOT NULL AS is_open
    FROM ledger_stage stage LEFT JOIN unnest(
        CAST(%(closed_books)s AS text[]), CAST(%(closed_months)s AS date[]), CAST(%(open_days)s AS date[])
    ) AS closed (book, month, day) ON closed.book = stage.book AND closed.month = date_trunc('month', stage.occurred_on)
"""


def _statement(rows: str, *, may_post: str) -> str:
    return _POST.format(rows=rows, may_post=may_post, shards=SHARDS, lock_class=LOCK_CLASS)


# In the driver's own style of parameters.
POST_ONE = _statement(_ONE_ENTRY, may_post="ledger_month_is_open(book, CAST(%(month)s AS date))")
POST_STAGED = _statement(_STAGED_ENTRIES, may_post="is_open")


def array(values: Iterable[object]) -> str:
    """Write an array for PostgreSQL, of values that need no quotes: ids, numbers, days, books, codes and kinds."""
    return f"{{{','.join('NULL' if value is None else str(value) for value in values)}}}"


@contextmanager
def copy_in(connection: Connection, statement: str) -> Iterator[Copy]:
    """Open a COPY to the server inside the transaction, for lines of text."""
    with driver(connection, statement) as found, found.cursor().copy(statement) as copy:
        yield copy


_CURSOR = "ledger_cursor"


def execute(connection: Connection, statement: str, parameters: Mapping[str, Any]) -> int:
    """Run a statement that returns a number, on a cursor that is kept with the driver's connection.

    Half of the client's time for a post goes into SQLAlchemy's execution and into making the cursor.
    """
    with driver(connection, statement) as found:
        kept: Cursor[tuple[int]] | None = connection.info.get(_CURSOR)
        if kept is None:
            kept = connection.info[_CURSOR] = found.cursor()
        row = kept.execute(statement, parameters).fetchone()
    if row is None:
        raise TypeError(f"no row came back from {statement!r}")
    return row[0]


@contextmanager
def driver(connection: Connection, statement: str) -> Iterator[PsycopgConnection]:
    """Reach the driver's connection inside the transaction, for a statement that only it can run.

    It goes past SQLAlchemy, so its errors are made SQLAlchemy's here. Above all a lost connection must be known as
    lost, or the session could not be rolled back.
    """
    found = connection.connection.driver_connection
    if not isinstance(found, PsycopgConnection):
        raise TypeError(f"the ledger needs psycopg 3, not {type(found)}")
    try:
        yield found
    except psycopg.Error as error:
        if found.closed:
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement, None, error, psycopg.Error, connection_invalidated=found.closed, dialect=connection.dialect
        ) from error
