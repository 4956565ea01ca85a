"""Checks of the facts themselves: accounts, entries and their transfers."""

from sqlalchemy import select

from ledger import chart
from ledger.errors import LedgerError
from ledger.journal import MAX_AMOUNT_FEN, MAX_LEGS
from ledger.tables import account_table
from ledger.verify.canonical import day_field, text_field
from ledger.verify.findings import Books


def accounts(books: Books) -> int:
    """Every code is legal in its book, and every id and kind is what follows from it."""
    rows = books.session.execute(select(account_table).order_by(account_table.c.book, account_table.c.code)).all()
    seen: set[tuple[str, str]] = set()
    for row in rows:
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
        if (row.book, row.code) in seen:
            books.fail("accounts", name, "it is there more than once")
        seen.add((row.book, row.code))
    return len(rows)


# The number of a leg is in the last two bytes of its id, the rest is its entry's.
_NUMBER = "(get_byte(uuid_send(transfer.id), 14) * 256 + get_byte(uuid_send(transfer.id), 15))"
_SHARED = "substring(uuid_send({0}.id) FOR 14)"

# Entries of more than one leg are few, and only they need to be put together; the others can be checked in parallel.
# Each is there once, or an entry of thousands of legs would be compared leg by leg with itself.
_HAS_SEVERAL = f"""
    EXISTS (
        SELECT FROM (
            SELECT DISTINCT leg.entry_id FROM {{{{transfers}}}} leg WHERE {_NUMBER.replace("transfer", "leg")} <> 1
        ) several
        WHERE several.entry_id = transfer.entry_id
    )
"""  # noqa: S608 -- put together from constants

_ENTRIES = f"""
    WITH gap AS (
        SELECT transfer.entry_id
        FROM {{transfers}} transfer
        WHERE {_HAS_SEVERAL.format()}
        GROUP BY transfer.entry_id
        HAVING min({_NUMBER}) <> 1 OR max({_NUMBER}) <> count(*)
    )
    SELECT 'entry ' || entry.key AS name, CASE
        WHEN transfer.id IS NULL THEN 'it has no transfers'
        WHEN gap.entry_id IS NOT NULL THEN 'the numbers of its transfers have gaps'
        WHEN entry.effective_on < entry.occurred_on THEN
            format('it counts on %s, before its own day %s', entry.effective_on, entry.occurred_on)
        WHEN entry.effective_on <> entry.occurred_on AND date_part('day', entry.effective_on) <> 1 THEN
            format('it is carried forward to %s, which is no first day of a month', entry.effective_on)
        ELSE format('its month is %s, but it counts on %s', entry.month, entry.effective_on)
    END AS message
    FROM {{entries}} entry
    LEFT JOIN {{transfers}} transfer ON transfer.entry_id = entry.id AND {_NUMBER} = 1
    LEFT JOIN gap ON gap.entry_id = entry.id
    WHERE transfer.id IS NULL OR gap.entry_id IS NOT NULL
        OR entry.effective_on < entry.occurred_on
        OR entry.effective_on <> entry.occurred_on AND date_part('day', entry.effective_on) <> 1
        OR entry.month <> date_trunc('month', entry.effective_on)
    ORDER BY entry.id
"""  # noqa: S608 -- put together from constants


def entries(books: Books) -> int:
    """Every entry has its transfers, numbered from 1, and counts on its own day or on the first of a later month."""
    return books.find("entries", _ENTRIES, rows="{entries}")


_TRANSFERS = """
    SELECT concat('transfer ', transfer.id, ' of entry ' || entry.key) AS name, CASE
        WHEN entry.id IS NULL THEN format('its entry %s is missing', transfer.entry_id)
        WHEN {shared_transfer} <> {shared_entry} THEN 'its id is not that of a leg of its entry'
        WHEN transfer.effective_on <> entry.effective_on
            THEN format('it counts on %s, its entry on %s', transfer.effective_on, entry.effective_on)
        WHEN transfer.source <> entry.source
            THEN format('its source is %s, that of its entry %s', transfer.source, entry.source)
        WHEN debit.id IS NULL OR credit.id IS NULL THEN 'one of its accounts is missing'
        ELSE format('from %s to %s, %s fen: no legal transfer of book %s', debit.code, credit.code,
            transfer.amount_fen, entry.book)
    END AS message
    FROM {{transfers}} transfer
    LEFT JOIN ledger_entry entry ON entry.id = transfer.entry_id
    LEFT JOIN ledger_account debit ON debit.id = transfer.debit_account
    LEFT JOIN ledger_account credit ON credit.id = transfer.credit_account
    WHERE entry.id IS NULL OR debit.id IS NULL OR credit.id IS NULL
        OR {shared_transfer} <> {shared_entry}
        OR transfer.effective_on <> entry.effective_on OR transfer.source <> entry.source
        OR debit.book <> entry.book OR credit.book <> entry.book OR debit.id = credit.id
        OR transfer.amount_fen NOT BETWEEN 1 AND {max_amount} OR transfer.kind !~ '^[a-z][a-z0-9_]{{{{0,63}}}}$'
        OR {number} > {max_legs}
        OR entry.book = 'aid' AND concat(debit.kind, ' to ', credit.kind)
            <> CASE WHEN entry.reverses IS NULL THEN 'partner to county' ELSE 'county to partner' END
    ORDER BY transfer.id
"""


_TRANSFERS = _TRANSFERS.format(
    shared_transfer=_SHARED.format("transfer"),
    shared_entry=_SHARED.format("entry"),
    number=_NUMBER,
    max_amount=MAX_AMOUNT_FEN,
    max_legs=MAX_LEGS,
)


def transfers(books: Books) -> int:
    """Every transfer belongs to an entry, says the same as that, and is one that the journal could have taken."""
    return books.find("transfers", _TRANSFERS, rows="{transfers}")


_LEG = " || ".join(
    (
        text_field("coalesce(debit.code, '')"),
        text_field("coalesce(credit.code, '')"),
        text_field("transfer.amount_fen::text"),
        text_field("transfer.kind"),
    )
)
_ACCOUNTS = """
    LEFT JOIN ledger_account debit ON debit.id = transfer.debit_account
    LEFT JOIN ledger_account credit ON credit.id = transfer.credit_account
"""


def _payload(legs: str, *, count: str, fields: str) -> str:
    """Write the statement that finds entries whose hash is not that of their rows, given their legs."""
    return f"""
        SELECT
            'entry ' || entry.key AS name,
            'its rows do not give its payload hash: a row was changed, deleted or added' AS message
        FROM {{entries}} entry JOIN {legs}
        entry.payload_hash <> sha256(
            {text_field("'ganwei.ledger.entry.v1'::text")} || {text_field("entry.book")} || {text_field("entry.key")}
            || {day_field("entry.occurred_on")} || {text_field("entry.source")}
            || {text_field("entry.memo")} || {text_field("coalesce(replace(entry.reverses::text, '-', ''), '')")}
            || {text_field(f"{count}::text")} || {fields}
        )
        ORDER BY entry.id
    """  # noqa: S608 -- put together from constants


# The same of an entry without gaps, and cheaper: it can be asked in parallel.
_HAS_A_SECOND = f"""
    EXISTS (SELECT FROM {{transfers}} leg WHERE leg.entry_id = entry.id AND {_NUMBER.replace("transfer", "leg")} = 2)
"""
_PAYLOAD_OF_ONE = _payload(
    f"{{transfers}} transfer ON transfer.entry_id = entry.id {_ACCOUNTS} WHERE NOT {_HAS_A_SECOND} AND",
    count="1",
    fields=_LEG,
)
_PAYLOAD_OF_SEVERAL = _payload(
    f"""(
        SELECT transfer.entry_id, count(*), string_agg(
            {_LEG}, '' ORDER BY debit.code COLLATE "C", credit.code COLLATE "C", transfer.kind COLLATE "C"
        ) AS fields
        FROM {{transfers}} transfer {_ACCOUNTS}
        WHERE {_HAS_SEVERAL.format()}
        GROUP BY transfer.entry_id
    ) legs ON legs.entry_id = entry.id WHERE""",  # noqa: S608 -- put together from constants
    count="legs.count",
    fields="legs.fields",
)


def payload(books: Books) -> int:
    """Every entry's rows, all of them together, have the hash that was stored when it was posted."""
    books.find("payload", _PAYLOAD_OF_SEVERAL, rows="{entries}")
    return books.find("payload", _PAYLOAD_OF_ONE, rows="{entries}")


_KEYS = """
    SELECT 'entry ' || key AS name, 'more than one entry has this key' AS message
    FROM ledger_entry
    GROUP BY key
    HAVING count(*) > 1
    ORDER BY key
"""


def keys(books: Books) -> int:
    """No two entries have the same key."""
    return books.find("keys", _KEYS, rows="{entries}")
