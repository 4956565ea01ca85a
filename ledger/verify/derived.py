"""Checks of what is derived from the transfers: the flow by day and by month, and the totals over it."""

from collections import defaultdict

from sqlalchemy import text

from ledger.reports import totals
from ledger.verify.findings import Books

_KNOWN_ON = "(entry.posted_at AT TIME ZONE 'Asia/Shanghai')::date"

# After a seal, only the days on which something was posted since are added up again.
_FLOW = f"""
    WITH since AS MATERIALIZED (
        SELECT CASE WHEN {{since}} = 0 THEN '-infinity'::date ELSE min({_KNOWN_ON}) END AS day FROM {{entries}} entry
    ), difference AS (
        SELECT debit_account, credit_account, day, kind, known_on, sum(count) AS count, sum(amount_fen) AS amount_fen
        FROM (
            SELECT debit_account, credit_account, transfer.effective_on AS day, kind, {_KNOWN_ON} AS known_on,
                1 AS count, amount_fen
            FROM ledger_transfer transfer
            JOIN ledger_entry entry ON entry.id = transfer.entry_id
            UNION ALL
            SELECT debit_account, credit_account, day, kind, known_on, -count, -amount_fen
            FROM ledger_flow
        ) both_sides
        WHERE known_on >= (SELECT day FROM since)
        GROUP BY 1, 2, 3, 4, 5
        HAVING sum(count) <> 0 OR sum(amount_fen) <> 0
    )
    SELECT
        format('flow %s to %s, %s, %s, known on %s', coalesce(debit.code, 'unknown account'),
            coalesce(credit.code, 'unknown account'), day, difference.kind, known_on) AS name,
        format('against the flow, the transfers hold %s fen in %s transfers',
            to_char(amount_fen, 'FMS9999999999999999990'), to_char(count, 'FMS9999999999990')) AS message
    FROM difference
    LEFT JOIN ledger_account debit ON debit.id = debit_account
    LEFT JOIN ledger_account credit ON credit.id = credit_account
    ORDER BY day, name
"""  # noqa: S608 -- put together from constants


def flow(books: Books) -> int:
    """The flow is what the transfers add up to, cell by cell."""
    return books.find("flow", _FLOW, rows="ledger_flow")


_FLOW_MONTHS = """
    WITH cell AS (
        SELECT debit_account, credit_account, date_trunc('month', effective_on)::date AS month, kind,
            count(*) AS count, sum(amount_fen) AS amount_fen
        FROM ledger_transfer transfer
        WHERE EXISTS (SELECT FROM ledger_seal seal WHERE seal.fact_id = transfer.entry_id)
        GROUP BY 1, 2, 3, 4
    ), held AS (
        SELECT debit_account, credit_account, month, kind, sum(count)::bigint AS count, sum(amount_fen) AS amount_fen
        FROM ledger_flow_month
        GROUP BY 1, 2, 3, 4
    )
    SELECT
        format('flow of %s, %s to %s, %s', to_char(month, 'YYYY-MM'), coalesce(debit.code, 'unknown account'),
            coalesce(credit.code, 'unknown account'), wrong.kind) AS name,
        format('it has %s fen in %s transfers, but %s fen in %s transfers are sealed',
            held_fen, held_count, cell_fen, cell_count) AS message
    FROM (
        SELECT debit_account, credit_account, month, kind,
            coalesce(held.amount_fen, 0) AS held_fen, coalesce(held.count, 0) AS held_count,
            coalesce(cell.amount_fen, 0) AS cell_fen, coalesce(cell.count, 0) AS cell_count
        FROM cell FULL JOIN held USING (debit_account, credit_account, month, kind)
        WHERE cell.amount_fen IS DISTINCT FROM held.amount_fen OR cell.count IS DISTINCT FROM held.count
    ) wrong
    LEFT JOIN ledger_account debit ON debit.id = debit_account
    LEFT JOIN ledger_account credit ON credit.id = credit_account
    ORDER BY month, name
"""


def flow_months(books: Books) -> int:
    """The flow by month is what the sealed transfers add up to, cell by cell."""
    return books.find("flow_months", _FLOW_MONTHS, rows="ledger_flow_month")


_SIDES = text("""
    WITH side AS MATERIALIZED (
        SELECT debit_account, credit_account, sum(amount_fen) AS amount_fen FROM ledger_transfer GROUP BY 1, 2
    )
    SELECT account.code, sum(given) AS given_fen, sum(got) AS got_fen
    FROM (
        SELECT debit_account AS id, amount_fen AS given, 0 AS got FROM side
        UNION ALL
        SELECT credit_account, 0, amount_fen FROM side
    ) both_sides JOIN ledger_account account USING (id)
    WHERE account.book = 'aid'
    GROUP BY account.code
""")


def margins(books: Books) -> int:
    """What partners gave is what counties got, and the transfers say the same as the report."""
    margins: dict[str, int] = defaultdict(int)
    for row in books.session.execute(_SIDES):
        kind, code = row.code.split(":")[:2]
        net_fen = int(row.given_fen - row.got_fen)
        margins[f"{kind} {code}"] += net_fen if kind == "partner" else -net_fen
    reported = {
        f"{kind} {row.key[kind]}": row.amount_fen
        for kind in ("partner", "county")
        for row in totals(books.session, book="aid", by=[kind]).rows
    }
    for name in sorted(margins.keys() | reported.keys()):
        rows_fen, report_fen = margins.get(name, 0), reported.get(name, 0)
        if rows_fen != report_fen:
            books.fail("margins", name, f"the transfers hold {rows_fen} fen, the totals {report_fen}")
    helped = sum(amount for name, amount in margins.items() if name.startswith("partner "))
    got = sum(amount for name, amount in margins.items() if name.startswith("county "))
    if helped != got:
        books.fail("margins", "book aid", f"partners gave {helped} fen, counties got {got}")
    return len(margins)
