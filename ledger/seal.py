"""Sealing: a chain of hashes over all entries and all changes of months, behind the writers.

Every seal covers its fact and the seal before it, so the last one, the head, stands for everything before: who keeps a
head can show later that nothing up to it was changed, taken out, added or moved.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from ledger.functions import LOCK_CLASS
from ledger.journal import field_bytes
from ledger.periods import change_hash, needs_transaction
from ledger.posting.statement import copy_in
from ledger.tables import SHARDS, seal_table

BEFORE_THE_FIRST = bytes(32)
SEAL_VERSION = "ganwei.ledger.seal.v1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# The advisory lock of the sealers, after those of the shards and of new accounts.
_LOCK = SHARDS + 1


@dataclass(frozen=True, slots=True)
class Head:
    """The last seal: its number and hash, 0 and zeros when there is none, and how many facts still wait for theirs.

    `oldest_waiting_at` is when the oldest of the waiting facts was written.
    """

    seq: int
    hash: bytes
    sealed_at: datetime | None
    waiting: int
    oldest_waiting_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sealed:
    """How many facts one call sealed, and the last seal after it."""

    count: int
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Fact:
    """What a seal covers: an entry, or the closing or opening of a month, whose first day is then `effective_on`.

    `payload_hash` covers what the fact says, `posted_at` and `posted_by` when it came into the books and through whom.
    """

    id: UUID
    payload_hash: bytes
    effective_on: date
    posted_at: datetime
    posted_by: str


def seal_hash(previous: bytes, *, seq: int, fact: Fact, sealed_at: datetime) -> bytes:
    """Compute a seal: the SHA-256 of its fields in fixed order, each with its length before it, a version in front.

    Numbers are eight bytes, the highest first; instants are microseconds since 1970-01-01 UTC.
    """
    fields = (
        _VERSION,
        field_bytes(previous),
        _number(seq),
        field_bytes(fact.id.bytes),
        field_bytes(fact.payload_hash),
        field_bytes(fact.effective_on.isoformat().encode()),
        _number(_microseconds(fact.posted_at)),
        field_bytes(fact.posted_by.encode()),
        _number(_microseconds(sealed_at)),
    )
    return hashlib.sha256(b"".join(fields)).digest()


_VERSION = field_bytes(SEAL_VERSION.encode())


def seal(session: Session, *, limit: int = 10_000) -> Sealed:
    """Seal facts that are committed and have no seal, at most `limit` of them, in the order of their ids.

    What is sealed is counted into the sums of its months as well.

    Sealers queue behind each other until the end of their transactions; call it until it seals none. A fact whose
    transaction commits late is sealed after those that were faster.

    Raises:
        IsolationRefused: the transaction is not READ COMMITTED.
    """
    needs_transaction(session)
    session.execute(select(func.pg_advisory_xact_lock(LOCK_CLASS, _LOCK)))
    last = session.execute(_HEAD).one_or_none()
    seq, previous = before, _ = (0, BEFORE_THE_FIRST) if last is None else (last.seq, last.hash)
    waiting = session.execute(_NEXT, {"limit": limit}).all()
    if not waiting:
        return Sealed(0, seq, previous)
    ranges = {"first": [row.first_fact for row in waiting], "last": [row.last_fact for row in waiting]}
    facts = _facts(session, ranges, limit)
    now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    lines: list[str] = []
    for fact in facts:
        seq += 1
        previous = seal_hash(previous, seq=seq, fact=fact, sealed_at=now)
        lines.append(f"{seq}\t{fact.id.hex}\t\\\\x{previous.hex()}\t{now.isoformat()}\n")
    with copy_in(session.connection(), _STORE) as copy:
        copy.write("".join(lines))
    session.execute(_PLAN_ANEW)
    session.execute(_COUNT, {"before": before})
    done = facts[-1].id if len(facts) == limit else ranges["last"][-1]
    session.execute(_DONE, {**ranges, "done": done, "sealed": len(facts)})
    return Sealed(len(facts), seq, previous)


def head(session: Session) -> Head:
    """Give the last seal and what waits for one."""
    row = session.execute(_STANDING).one()
    return Head(row.seq or 0, row.hash or BEFORE_THE_FIRST, row.sealed_at, row.waiting, row.oldest_waiting_at)


def seal_at(session: Session, seq: int) -> bytes | None:
    """Give the hash of the seal with a number: zeros for 0, which stands before the first; None when there is none."""
    if seq == 0:
        return BEFORE_THE_FIRST
    return session.scalar(select(seal_table.c.hash).where(seal_table.c.seq == seq))


def _facts(session: Session, ranges: dict[str, list[UUID]], limit: int) -> list[Fact]:
    """Read the first facts of some ranges that have no seal, in the order of their ids."""
    facts = [Fact(*row) for row in session.execute(_ENTRIES, {**ranges, "limit": limit})]
    facts += [
        Fact(row.id, change_hash(row), row.month, row.changed_at, row.changed_by)
        for row in session.execute(_CHANGES, ranges)
    ]
    return sorted(facts, key=attrgetter("id"))[:limit]


def _number(value: int) -> bytes:
    return field_bytes(value.to_bytes(8, signed=True))


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


_HEAD = select(seal_table.c.seq, seal_table.c.hash).order_by(seal_table.c.seq.desc()).limit(1)
_STORE = "COPY ledger_seal (seq, fact_id, hash, sealed_at) FROM STDIN"
_RANGES = "unnest(CAST(:first AS uuid[]), CAST(:last AS uuid[])) AS range (first_fact, last_fact)"
_UNSEALED = "NOT EXISTS (SELECT FROM ledger_seal seal WHERE seal.fact_id = fact.id)"

# The first ranges that hold as many facts as are wanted, or a few more.
_NEXT = text("""
    SELECT first_fact, last_fact
    FROM (
        SELECT first_fact, last_fact, sum(count) OVER (ORDER BY first_fact) - count AS before
        FROM (SELECT * FROM ledger_unsealed ORDER BY first_fact LIMIT :limit) nearest
    ) counted
    WHERE before < :limit
    ORDER BY first_fact
""")
# Of each range in the order of the index, so that the rest of a large one is not read.
_ENTRIES = text(f"""
    SELECT DISTINCT fact.id, fact.payload_hash, fact.effective_on, fact.posted_at, fact.posted_by
    FROM {_RANGES} CROSS JOIN LATERAL (
        SELECT *
        FROM ledger_entry fact
        WHERE fact.id BETWEEN range.first_fact AND range.last_fact AND {_UNSEALED}
        ORDER BY fact.id
        LIMIT :limit
    ) fact
    ORDER BY fact.id
    LIMIT :limit
""")  # noqa: S608 -- put together from the constants above
_CHANGES = text(f"""
    SELECT DISTINCT fact.*
    FROM {_RANGES} JOIN ledger_period fact ON fact.id BETWEEN range.first_fact AND range.last_fact
    WHERE {_UNSEALED}
""")  # noqa: S608 -- put together from the constants above

# Adds what was sealed to the sums of its months. An entry's transfers are found by their ids, as everywhere. The
# planner expects far too many of them, and once read all transfers first and all seals for each: OFFSET 0 fixes the
# order. Nor is a plan used again that was made when there were few.
_PLAN_ANEW = text("SET LOCAL plan_cache_mode = force_custom_plan")
_COUNT = text(r"""
    INSERT INTO ledger_flow_month AS held (debit_account, credit_account, month, kind, count, amount_fen)
    SELECT debit_account, credit_account, date_trunc('month', effective_on)::date, kind, count(*), sum(amount_fen)
    FROM (SELECT fact_id FROM ledger_seal WHERE seq > :before OFFSET 0) seal CROSS JOIN LATERAL (
        SELECT *
        FROM ledger_transfer
        WHERE id BETWEEN seal.fact_id
            AND encode(substring(uuid_send(seal.fact_id) FOR 14) || '\xffff'::bytea, 'hex')::uuid
        OFFSET 0
    ) transfer
    GROUP BY 1, 2, 3, 4
    ON CONFLICT (debit_account, credit_account, month, kind) DO UPDATE
    SET count = held.count + excluded.count, amount_fen = held.amount_fen + excluded.amount_fen
""")

# What is left of a range that the limit cut begins with the last fact that is sealed, which is not sealed twice.
_DONE = text(f"""
    WITH taken AS (
        DELETE FROM ledger_unsealed waiting USING {_RANGES}
        WHERE waiting.first_fact = range.first_fact AND waiting.first_fact <= CAST(:done AS uuid)
        RETURNING waiting.last_fact, waiting.count
    ), remainder AS (
        SELECT max(last_fact::text)::uuid AS last_fact, sum(count)::bigint - :sealed AS count FROM taken
    )
    INSERT INTO ledger_unsealed (first_fact, last_fact, count)
    SELECT CAST(:done AS uuid), last_fact, greatest(count, 1)
    FROM remainder
    WHERE EXISTS (
        SELECT FROM ledger_entry fact WHERE id > CAST(:done AS uuid) AND id <= last_fact AND {_UNSEALED}
    )
""")  # noqa: S608 -- put together from the constants above

_STANDING = text(f"""
    WITH waiting AS (
        SELECT coalesce(sum(count), 0)::bigint AS waiting, min(first_fact::text)::uuid AS first FROM ledger_unsealed
    ), last AS (
        SELECT seq, hash, sealed_at FROM ledger_seal ORDER BY seq DESC LIMIT 1
    )
    SELECT last.seq, last.hash, last.sealed_at, waiting.waiting, least(
        (SELECT posted_at FROM ledger_entry fact WHERE id >= first AND {_UNSEALED} ORDER BY id LIMIT 1),
        (SELECT changed_at FROM ledger_period fact WHERE id >= first AND {_UNSEALED} ORDER BY id LIMIT 1)
    ) AS oldest_waiting_at
    FROM waiting LEFT JOIN last ON true
""")  # noqa: S608 -- put together from the constants above
