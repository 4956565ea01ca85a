"""Sealing: a chain of hashes over all entries, behind the writers.

Every seal covers its entry and the seal before it, so the last one, the head, stands for everything before: who keeps a
head can show later that nothing up to it was changed, taken out, added or moved.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, text
from sqlalchemy.orm import Session

from ledger.journal import field_bytes
from ledger.periods import needs_read_committed
from ledger.posting.statement import LOCK_CLASS, driver
from ledger.tables import SHARDS, seal_table, unsealed_table

BEFORE_THE_FIRST = bytes(32)
SEAL_VERSION = "ganwei.ledger.seal.v1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# The advisory lock of the sealers, after those of the shards and of new accounts.
_LOCK = SHARDS + 1


@dataclass(frozen=True, slots=True)
class Head:
    """The last seal: its number and hash, 0 and zeros when there is none, and what still waits for a seal.

    `oldest_waiting_at` is when the oldest of the waiting entries was posted.
    """

    seq: int
    hash: bytes
    sealed_at: datetime | None
    waiting: int
    oldest_waiting_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sealed:
    """How many entries one call sealed, and the last seal after it."""

    count: int
    seq: int
    hash: bytes


def seal_hash(  # noqa: PLR0913 -- the fields of the canonical form, all named
    previous: bytes,
    *,
    seq: int,
    entry_id: UUID,
    payload_hash: bytes,
    effective_on: date,
    posted_at: datetime,
    posted_by: str,
    sealed_at: datetime,
) -> bytes:
    """Compute a seal: the SHA-256 of its fields in fixed order, each with its length before it, a version in front.

    The payload's hash covers what the entry says; the rest is what the books add to it. Instants are microseconds
    since 1970-01-01 UTC.
    """
    fields = (
        _VERSION,
        field_bytes(previous),
        field_bytes(b"%d" % seq),
        field_bytes(entry_id.bytes),
        field_bytes(payload_hash),
        field_bytes(effective_on.isoformat().encode()),
        field_bytes(b"%d" % _microseconds(posted_at)),
        field_bytes(posted_by.encode()),
        field_bytes(b"%d" % _microseconds(sealed_at)),
    )
    return hashlib.sha256(b"".join(fields)).digest()


_VERSION = field_bytes(SEAL_VERSION.encode())


def seal(session: Session, *, limit: int = 10_000) -> Sealed:
    """Seal entries that are committed and have no seal, at most `limit` of them, in the order of their ids.

    Sealers queue behind each other until the end of their transactions; call it until it seals none. An entry whose
    transaction commits late is sealed after those that were faster.

    Raises:
        IsolationRefused: the transaction is not READ COMMITTED.
    """
    needs_read_committed(session)
    session.execute(select(func.pg_advisory_xact_lock(LOCK_CLASS, _LOCK)))
    last = session.execute(_HEAD).one_or_none()
    seq, previous = (0, BEFORE_THE_FIRST) if last is None else (last.seq, last.hash)
    waiting = session.execute(select(_queue).order_by(_queue.c.first_entry).limit(limit)).all()
    if not waiting:
        return Sealed(0, seq, previous)
    ranges = {"first": [row.first_entry for row in waiting], "last": [row.last_entry for row in waiting]}
    entries = session.execute(_ENTRIES, {**ranges, "limit": limit}).all()
    now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    lines: list[str] = []
    for entry in entries:
        seq += 1
        previous = seal_hash(previous, seq=seq, sealed_at=now, **_covered(entry))
        lines.append(f"{seq}\t{entry.id.hex}\t\\\\x{previous.hex()}\t{now.isoformat()}\n")
    with driver(session.connection()).cursor().copy(_STORE) as copy:
        copy.write("".join(lines))
    # What is left of a range that the limit cut begins with the last that is sealed, which is not sealed twice.
    done = entries[-1].id if len(entries) == limit else waiting[-1].last_entry
    session.execute(_DONE, {**ranges, "done": done, "is_cut": len(entries) == limit})
    return Sealed(len(entries), seq, previous)


def head(session: Session) -> Head:
    """Give the last seal and what waits for one."""
    row = session.execute(_STANDING).one()
    return Head(row.seq or 0, row.hash or BEFORE_THE_FIRST, row.sealed_at, row.waiting, row.oldest_waiting_at)


def seal_at(session: Session, seq: int) -> bytes | None:
    """Give the hash of the seal with a number: zeros for 0, which stands before the first; None when there is none."""
    if seq == 0:
        return BEFORE_THE_FIRST
    return session.scalar(select(seal_table.c.hash).where(seal_table.c.seq == seq))


def _covered(entry: Row[Any]) -> dict[str, Any]:
    return {
        "entry_id": entry.id,
        "payload_hash": entry.payload_hash,
        "effective_on": entry.effective_on,
        "posted_at": entry.posted_at,
        "posted_by": entry.posted_by,
    }


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


_queue = unsealed_table
_HEAD = select(seal_table.c.seq, seal_table.c.hash).order_by(seal_table.c.seq.desc()).limit(1)
_STORE = "COPY ledger_seal (seq, entry_id, hash, sealed_at) FROM STDIN"
_RANGES = "unnest(CAST(:first AS uuid[]), CAST(:last AS uuid[])) AS range (first_entry, last_entry)"
_UNSEALED = "NOT EXISTS (SELECT FROM ledger_seal seal WHERE seal.entry_id = entry.id)"

_ENTRIES = text(f"""
    SELECT DISTINCT entry.id, entry.payload_hash, entry.effective_on, entry.posted_at, entry.posted_by
    FROM {_RANGES} JOIN ledger_entry entry ON entry.id BETWEEN range.first_entry AND range.last_entry
    WHERE {_UNSEALED}
    ORDER BY entry.id
    LIMIT :limit
""")  # noqa: S608 -- put together from the constants above

_DONE = text(f"""
    WITH taken AS (
        DELETE FROM ledger_unsealed waiting USING {_RANGES}
        WHERE waiting.first_entry = range.first_entry AND (NOT :is_cut OR waiting.first_entry <= :done)
        RETURNING waiting.last_entry
    )
    INSERT INTO ledger_unsealed (first_entry, last_entry)
    SELECT CAST(:done AS uuid), max(last_entry::text)::uuid FROM taken WHERE :is_cut AND last_entry > :done
    HAVING count(*) > 0
""")  # noqa: S608 -- put together from the constants above

_STANDING = text(f"""
    WITH waiting AS (
        SELECT count(*) AS waiting, min(entry.posted_at) AS oldest_waiting_at
        FROM ledger_unsealed range JOIN ledger_entry entry ON entry.id BETWEEN range.first_entry AND range.last_entry
        WHERE {_UNSEALED}
    ), last AS (
        SELECT seq, hash, sealed_at FROM ledger_seal ORDER BY seq DESC LIMIT 1
    )
    SELECT last.seq, last.hash, last.sealed_at, waiting.waiting, waiting.oldest_waiting_at
    FROM waiting LEFT JOIN last ON true
""")  # noqa: S608 -- put together from the constants above
