"""Check of the mirrors against their originals."""

from ledger.verify.findings import Books

# What all mirrors of an original took back is added up, also when only those after a seal are to be checked.
_REVERSED = """
    WITH mirrored AS MATERIALIZED (
        SELECT DISTINCT reverses AS id FROM {entries} entry WHERE reverses IS NOT NULL
    ), taken AS (
        SELECT
            entry.key, entry.book, mirrored.id AS original_id,
            transfer.id, transfer.debit_account, transfer.credit_account, transfer.kind,
            sum(transfer.amount_fen) OVER (
                PARTITION BY mirrored.id, transfer.credit_account, transfer.debit_account, transfer.kind
                ORDER BY transfer.id
            ) AS reversed_fen
        FROM mirrored
        JOIN ledger_entry entry ON entry.reverses = mirrored.id
        JOIN ledger_transfer transfer ON {of_entry}
    )
    SELECT
        format('transfer %s of entry %s', taken.id, taken.key) AS name,
        CASE
            WHEN original.id IS NULL THEN 'the entry that it reverses is missing'
            WHEN original.reverses IS NOT NULL THEN format('it reverses %s, which is a reversal', original.key)
            WHEN original.book <> taken.book THEN format('it is in %s, its original in %s', taken.book, original.book)
            ELSE format('%s fen are reversed of the %s fen of %s', reversed_fen, coalesce(held.amount_fen, 0),
                original.key)
        END AS message
    FROM taken
    LEFT JOIN ledger_entry original ON original.id = taken.original_id
    LEFT JOIN ledger_transfer held ON {of_original}
        AND held.kind = taken.kind AND held.debit_account = taken.credit_account
        AND held.credit_account = taken.debit_account
    WHERE original.id IS NULL OR original.reverses IS NOT NULL OR original.book <> taken.book
        OR reversed_fen > coalesce(held.amount_fen, 0)
    ORDER BY taken.id
"""
_BY_ID = r"""
    {0}.id BETWEEN {1}.id AND encode(substring(uuid_send({1}.id) FOR 14) || '\xffff'::bytea, 'hex')::uuid
    AND {0}.entry_id = {1}.id
"""
_REVERSED = _REVERSED.replace("{of_entry}", _BY_ID.format("transfer", "entry")).replace(
    "{of_original}", _BY_ID.format("held", "original")
)


def reversals(books: Books) -> int:
    """Every mirror has an original of the same book, is no mirror of a mirror, and takes back no more than there is."""
    return books.find("reversals", _REVERSED, rows="{entries} entry WHERE reverses IS NOT NULL")
