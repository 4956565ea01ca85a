"""Checks of the months' log against what the months hold."""

from ledger.verify.findings import Books

_LOG = """
    SELECT format('period %s %s', book, to_char(month, 'YYYY-MM')) AS name,
        format('its log counts %s, but has %s changes', max(number), count(*)) AS message
    FROM ledger_period
    GROUP BY book, month
    HAVING max(number) <> count(*) OR min(number) <> 1 OR count(DISTINCT number) <> count(*)
        OR bool_or(state <> CASE number % 2 WHEN 1 THEN 'closed' ELSE 'open' END)
    ORDER BY 1
"""

# What `close_month` computes for one month, computed here for all that are closed.
_CLOSED = """
    WITH closed AS MATERIALIZED (
        SELECT * FROM (SELECT DISTINCT ON (book, month) * FROM ledger_period ORDER BY book, month, number DESC) last
        WHERE state = 'closed'
    ), days AS (
        SELECT entry.book, date_trunc('month', entry.effective_on)::date AS month, entry.effective_on AS day,
            count(*) AS entries,
            sha256(string_agg(entry.payload_hash || uuid_send(entry.id), '' ORDER BY entry.id)) AS digest
        FROM ledger_entry entry
        JOIN closed ON closed.book = entry.book AND closed.month = date_trunc('month', entry.effective_on)
        GROUP BY 1, 2, 3
    ), held AS (
        SELECT book, month, sum(entries) AS entries,
            sha256(string_agg(digest || int4send(day - month), '' ORDER BY day)) AS digest
        FROM days
        GROUP BY book, month
    ), moved AS (
        SELECT account.book, date_trunc('month', transfer.effective_on)::date AS month,
            count(*) AS transfers, sum(transfer.amount_fen) AS turnover_fen
        FROM ledger_transfer transfer JOIN ledger_account account ON account.id = transfer.debit_account
        JOIN closed ON closed.book = account.book AND closed.month = date_trunc('month', transfer.effective_on)
        GROUP BY 1, 2
    )
    SELECT format('period %s %s', closed.book, to_char(closed.month, 'YYYY-MM')) AS name,
        format(
            'it was closed with %s entries, %s transfers and %s fen, and holds %s, %s and %s',
            closed.entries, closed.transfers, closed.turnover_fen,
            coalesce(held.entries, 0), coalesce(moved.transfers, 0), coalesce(moved.turnover_fen, 0)
        ) || CASE WHEN closed.digest <> coalesce(held.digest, sha256('')) THEN '; they are not the same' ELSE '' END
        AS message
    FROM closed
    LEFT JOIN held ON held.book = closed.book AND held.month = closed.month
    LEFT JOIN moved ON moved.book = closed.book AND moved.month = closed.month
    WHERE closed.entries <> coalesce(held.entries, 0) OR closed.transfers <> coalesce(moved.transfers, 0)
        OR closed.turnover_fen <> coalesce(moved.turnover_fen, 0)
        OR closed.digest <> coalesce(held.digest, sha256(''))
    ORDER BY 1
"""

_CARRIED = """
    SELECT 'entry ' || entry.key AS name,
        format('it is carried forward, but %s was never closed', to_char(entry.occurred_on, 'YYYY-MM')) AS message
    FROM {entries} entry
    WHERE entry.effective_on <> entry.occurred_on AND NOT EXISTS (
        SELECT FROM ledger_period period
        WHERE period.book = entry.book AND period.month = date_trunc('month', entry.occurred_on)
    )
    ORDER BY entry.id
"""


def periods(books: Books) -> int:
    """Every closed month holds what it held when it was closed; only entries of such months are carried forward."""
    books.find("periods", _LOG, rows="ledger_period")
    books.find("periods", _CARRIED, rows="ledger_period")
    return books.find("periods", _CLOSED, rows="ledger_period")
