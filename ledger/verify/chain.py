"""Checks of the seals: the chain of them, and that nothing is without one."""

from ledger.periods import CHANGE_VERSION
from ledger.seal import SEAL_VERSION
from ledger.verify.canonical import day_field, field, instant_field, number_field, text_field
from ledger.verify.findings import Books

_CHANGE = " || ".join(
    (
        text_field(f"'{CHANGE_VERSION}'::text"),
        text_field("book"),
        day_field("month"),
        text_field("number::text"),
        text_field("state"),
        text_field("reason"),
        *(text_field(f"coalesce({name}::text, '')") for name in ("entries", "transfers", "turnover_fen")),
        field("coalesce(digest, '')"),
    )
)
_SEAL = " || ".join(
    (
        text_field(f"'{SEAL_VERSION}'::text"),
        field("coalesce(before.hash, decode(repeat('00', 32), 'hex'))"),
        number_field("seal.seq"),
        field("uuid_send(seal.fact_id)"),
        field("fact.payload_hash"),
        day_field("fact.effective_on"),
        instant_field("fact.posted_at"),
        text_field("fact.posted_by"),
        instant_field("seal.sealed_at"),
    )
)

_FAILS = f"before.seq IS NULL AND seal.seq <> 1 OR fact.id IS NULL OR seal.hash <> sha256({_SEAL})"
_FOLLOWS = f"""
    SELECT 'seal ' || seal.seq || coalesce(' of ' || fact.name, '') AS name, CASE
        WHEN before.seq IS NULL AND seal.seq <> 1 THEN 'the seal before it is missing'
        WHEN fact.id IS NULL THEN format('what it seals is missing: %s', seal.fact_id)
        ELSE 'it does not follow from the seal before it and what it seals: one of them was changed'
    END AS message
    FROM ledger_seal seal
    LEFT JOIN ledger_seal before ON before.seq = seal.seq - 1
    {{facts}}
    WHERE seal.seq > {{{{since}}}} AND ({_FAILS}) {{of_its_kind}}
    ORDER BY seal.seq
"""  # noqa: S608 -- put together from constants
_ENTRY_SEALS = _FOLLOWS.format(
    facts="JOIN (SELECT *, 'entry ' || key AS name FROM ledger_entry) fact ON fact.id = seal.fact_id", of_its_kind=""
)
# All other seals are of changes of months, or of nothing.
_OTHER_SEALS = _FOLLOWS.format(
    facts=f"""
        LEFT JOIN (
            SELECT id, sha256({_CHANGE}) AS payload_hash, month AS effective_on, changed_at AS posted_at,
                changed_by AS posted_by, format('change %s of %s %s', number, book, to_char(month, 'YYYY-MM')) AS name
            FROM ledger_period
        ) fact ON fact.id = seal.fact_id
    """,  # noqa: S608 -- put together from constants
    of_its_kind="AND NOT EXISTS (SELECT FROM ledger_entry entry WHERE entry.id = seal.fact_id)",
)

# Whoever cuts the end of the chain off takes the seal away from which the check was to begin.
_STARTS = """
    SELECT 'seal {since}' AS name, 'it is missing, so nothing can be checked from it' AS message
    WHERE NOT EXISTS (SELECT FROM ledger_seal WHERE seq = {since})
"""

_TWICE = """
    SELECT format('seal %s', max(seq)) AS name, format('%s is sealed more than once', fact_id) AS message
    FROM ledger_seal
    GROUP BY fact_id
    HAVING count(*) > 1
    ORDER BY 1
"""


def seals(books: Books) -> int:
    """The seals are numbered without a gap from where the check begins, and each follows from the last and its fact."""
    if books.since:
        books.find("seals", _STARTS, rows="ledger_seal")
    books.find("seals", _ENTRY_SEALS, rows="ledger_seal")
    books.find("seals", _OTHER_SEALS, rows="ledger_seal")
    return books.find("seals", _TWICE, rows="ledger_seal")


# Ranges do not overlap but by an accident of random bits, so the last that begins before a fact is the one to look at.
_UNSEALED = """
    SELECT fact.name, 'it has no seal and does not wait for one' AS message
    FROM (
        SELECT id, 'entry ' || key AS name
        FROM ledger_entry entry
        WHERE NOT EXISTS (SELECT FROM ledger_seal seal WHERE seal.fact_id = entry.id)
        UNION ALL
        SELECT id, format('change %s of %s %s', number, book, to_char(month, 'YYYY-MM'))
        FROM ledger_period change
        WHERE NOT EXISTS (SELECT FROM ledger_seal seal WHERE seal.fact_id = change.id)
        OFFSET 0  -- the few that are left are looked at one by one
    ) fact
    WHERE NOT coalesce(
        (SELECT fact.id <= last_fact FROM ledger_unsealed WHERE first_fact <= fact.id ORDER BY first_fact DESC LIMIT 1),
        false
    )
    ORDER BY fact.id
"""
_NOT_SO_MANY = """
    SELECT 'waiting range ' || first_fact AS name,
        format('%s facts should wait in it, and %s do', count, held) AS message
    FROM ledger_unsealed range CROSS JOIN LATERAL (
        SELECT count(*) AS held
        FROM (
            SELECT id FROM ledger_entry WHERE id BETWEEN range.first_fact AND range.last_fact
            UNION ALL
            SELECT id FROM ledger_period WHERE id BETWEEN range.first_fact AND range.last_fact
        ) fact
        WHERE NOT EXISTS (SELECT FROM ledger_seal seal WHERE seal.fact_id = fact.id)
    ) inside
    WHERE held <> count
    ORDER BY first_fact
"""
_WAITS_TWICE = """
    SELECT 'waiting range ' || first_fact AS name, 'it waits more than once' AS message
    FROM ledger_unsealed
    GROUP BY first_fact
    HAVING count(*) > 1
    ORDER BY first_fact
"""


def waiting(books: Books) -> int:
    """Every fact is sealed or waits for its seal, and whatever waits is there."""
    books.find("waiting", _UNSEALED, rows="{entries}")
    books.find("waiting", _WAITS_TWICE, rows="ledger_unsealed")
    return books.find("waiting", _NOT_SO_MANY, rows="ledger_unsealed")
