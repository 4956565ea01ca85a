"""The SQL statement that posts a table of entries, and ways past SQLAlchemy to the driver."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import Connection as PsycopgConnection
from psycopg import Copy
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ledger.functions import LOCK_CLASS
from ledger.tables import SHARDS

# Entries that exist are passed over, and so are their accounts, transfers and flow. Months that are closed come as
# arrays, with the day on which their entries may count instead, if any. Shards and new accounts are as in
# `ledger_post`. Foreign keys are checked after the statement, so its parts may run in any order.
POST_STAGED = f"""
WITH staged AS NOT MATERIALIZED (
    SELECT stage.*, coalesce(closed.day, stage.occurred_on) AS effective_on,
        closed.book IS NULL OR closed.day IS NOT NULL AS is_open
    FROM ledger_stage stage LEFT JOIN unnest(
        CAST(%(closed_books)s AS text[]), CAST(%(closed_months)s AS date[]), CAST(%(open_days)s AS date[])
    ) AS closed (book, month, day) ON closed.book = stage.book AND closed.month = date_trunc('month', stage.occurred_on)
), entries AS (
    INSERT INTO ledger_entry
        (id, book, key, payload_hash, effective_on, occurred_on, posted_by, source, memo)
    SELECT
        entry_id, book, key, payload_hash, effective_on, occurred_on, CAST(%(by)s AS text), source, memo
    FROM staged
    WHERE payload_hash IS NOT NULL AND is_open
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
    WHERE pg_advisory_xact_lock({LOCK_CLASS}, {SHARDS}) IS NOT NULL
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
            SELECT (pg_backend_pid() + step) %% {SHARDS}
            FROM generate_series(0, {SHARDS} - 1) step
            WHERE pg_try_advisory_xact_lock({LOCK_CLASS}, (pg_backend_pid() + step) %% {SHARDS})
            LIMIT 1
        ),
        pg_backend_pid() %% {SHARDS}
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
"""  # noqa: S608 -- numbers of our own

STAGE_COLUMNS = """
    entry_id uuid, book text, key text, payload_hash bytea, occurred_on date, source text,
    memo text, transfer_id uuid, debit uuid, credit uuid, amount_fen bigint, kind text
"""


@contextmanager
def copy_in(connection: Connection, statement: str) -> Iterator[Copy]:
    """Open a COPY to the server inside the transaction, for lines of text."""
    with driver(connection, statement) as found, found.cursor().copy(statement) as copy:
        yield copy


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
