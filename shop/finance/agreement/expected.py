"""What the documents give, in SQL: the rules of counting once more, independent of the code that posts.

Whoever changes what is posted changes it here as well; the tests hold the two together.
"""

import sqlalchemy as sa

from shop.assistance.models import Sale
from shop.orders.models import Order
from shop.payments.models import BankReceipt, ReceiptMove

ORDERS = sa.select(sa.func.count()).select_from(Order)
DOCUMENTS = sa.select(
    ORDERS.scalar_subquery()
    + sa.select(sa.func.count()).select_from(Sale).scalar_subquery()
    + sa.select(sa.func.count()).select_from(BankReceipt).scalar_subquery()
    + sa.select(sa.func.count()).select_from(ReceiptMove).where(~ReceiptMove.is_direct).scalar_subquery()
)
RECEIPTS = sa.select(sa.func.count()).select_from(BankReceipt)

WRONG_ORDERS = """
    SELECT number, count(*) OVER () AS wrong
    FROM "order" o
    JOIN LATERAL (
        SELECT
            sum(amount_fen) AS goods_fen,
            sum(accepted_amount_fen) AS accepted_fen,
            bool_or(amount_fen <> quantity * unit_price_fen) AS is_wrong,
            bool_or(accepted_amount_fen <> round(accepted_quantity * unit_price_fen)) AS is_wrongly_accepted
        FROM order_line WHERE order_id = o.id
    ) line ON true
    WHERE line.is_wrong IS NOT FALSE OR line.is_wrongly_accepted
        OR o.goods_fen <> line.goods_fen
        OR o.accepted_fen IS DISTINCT FROM line.accepted_fen
        OR o.paid_fen <> (
            SELECT coalesce(sum(CASE kind WHEN 'placed' THEN amount_fen ELSE -amount_fen END), 0)
            FROM receipt_move WHERE order_id = o.id
        )
    ORDER BY o.placed_at, o.number
    LIMIT 1
"""

WRONG_RECEIPTS = """
    SELECT number, count(*) OVER () AS wrong
    FROM bank_receipt receipt
    JOIN LATERAL (
        SELECT
            coalesce(sum(amount_fen) FILTER (WHERE kind = 'placed'), 0)
                - coalesce(sum(amount_fen) FILTER (WHERE kind = 'released'), 0) AS allocated_fen,
            coalesce(sum(amount_fen) FILTER (WHERE kind = 'refunded'), 0)
                - coalesce(sum(amount_fen) FILTER (WHERE kind = 'returned'), 0) AS refunded_fen,
            count(*) FILTER (
                WHERE undoes IS NOT NULL AND NOT EXISTS (
                    SELECT FROM receipt_move undone
                    WHERE undone.id = move.undoes AND undone.receipt_id = move.receipt_id
                        AND undone.amount_fen = move.amount_fen AND undone.order_id IS NOT DISTINCT FROM move.order_id
                        AND (undone.kind, move.kind) IN (('placed', 'released'), ('refunded', 'returned'))
                )
            ) AS strays
        FROM receipt_move move WHERE receipt_id = receipt.id
    ) moved ON true
    WHERE (receipt.allocated_fen, receipt.refunded_fen) <> (moved.allocated_fen, moved.refunded_fen)
        OR moved.strays > 0
    ORDER BY receipt.recorded_at, receipt.number
    LIMIT 1
"""

# A receipt does not say to which of our banks it came, so all banks are one here. A reversed sale does not say on which
# day, so its mirror has none. An order paid in advance counts on the day of the last money that it needed.
_RECEIPTS = """
    SELECT
        'cash', 'receipt:' || receipt.number,
        CASE WHEN leaves THEN waiting ELSE place END, CASE WHEN leaves THEN place ELSE waiting END,
        move.moved_on, false, move.amount_fen
    FROM receipt_move move JOIN bank_receipt receipt ON receipt.id = move.receipt_id
    LEFT JOIN "order" o ON o.id = move.order_id
    LEFT JOIN organisation buyer ON buyer.id = o.organisation_id
    CROSS JOIN LATERAL (
        SELECT
            move.kind IN ('placed', 'refunded') AS leaves,
            CASE WHEN move.is_direct THEN 'asset:bank' ELSE 'liability:unallocated' END AS waiting,
            CASE
                WHEN o.id IS NULL THEN 'asset:bank'
                WHEN o.payment_method = 'on_account' THEN 'asset:receivable:' || buyer.code
                ELSE 'liability:prepaid'
            END AS place
    ) account
    UNION ALL
    SELECT
        'cash', 'receipt:' || number, 'asset:bank', 'liability:unallocated', paid_on, false,
        amount_fen - coalesce(
            (SELECT sum(amount_fen) FROM receipt_move WHERE receipt_id = bank_receipt.id AND is_direct), 0
        )
    FROM bank_receipt
"""
_SALES = """
    SELECT
        'aid', 'sale:' || sale.reference,
        CASE WHEN is_mirror THEN account.county ELSE account.partner END,
        CASE WHEN is_mirror THEN account.partner ELSE account.county END,
        CASE WHEN NOT is_mirror THEN sale.sold_on END, NOT sale.is_paired, sale.amount_fen
    FROM sale CROSS JOIN (VALUES (false), (true)) direction (is_mirror) CROSS JOIN LATERAL (
        SELECT
            concat_ws(':', 'partner', partner_code, mode, channel_code) AS partner,
            concat_ws(':', 'county', coalesce(county_code, 'unknown'), category_code) AS county
    ) account
    WHERE sale.status = 'reversed' OR sale.status = 'confirmed' AND NOT is_mirror
"""
_LINES = """
    SELECT
        o.number, o.status = 'accepted' AS is_accepted, o.payment_method <> 'on_account' AS is_prepaid, o.accepted_on,
        greatest(o.placed_on, (
            SELECT max(move.moved_on)
            FROM receipt_move move LEFT JOIN receipt_move undoing ON undoing.undoes = move.id
            WHERE move.order_id = o.id AND move.kind = 'placed' AND undoing.id IS NULL
        )) AS paid_on,
        concat_ws(':', 'partner', o.partner_code, 'direct', o.channel_code) AS partner,
        concat_ws(':', 'county', line.county_code, line.category_code) AS county,
        CASE WHEN o.payment_method = 'on_account' THEN 'asset:receivable:' || buyer.code ELSE 'liability:prepaid' END
            AS payer,
        NOT line.is_paired AS is_outside, 'liability:supplier:' || line.producer_code AS producer,
        line.quantity * line.unit_price_fen AS ordered_fen,
        coalesce(round(line.accepted_quantity * line.unit_price_fen), 0) AS accepted_fen,
        coalesce(round(round(line.accepted_quantity * line.unit_price_fen) * line.commission_bp / 10000), 0)
            AS commission_fen
    FROM "order" o JOIN order_line line ON line.order_id = o.id
    LEFT JOIN organisation buyer ON buyer.id = o.organisation_id
    WHERE o.status IN ('paid', 'accepted')
"""
_ORDERS = """
    SELECT
        'aid', 'order:' || number, partner, county, CASE WHEN is_prepaid THEN paid_on ELSE accepted_on END, is_outside,
        CASE WHEN is_prepaid THEN ordered_fen ELSE accepted_fen END
    FROM line
    UNION ALL
    SELECT 'aid', 'order:' || number, county, partner, accepted_on, is_outside, ordered_fen - accepted_fen
    FROM line WHERE is_prepaid AND is_accepted
    UNION ALL
    SELECT 'cash', 'order:' || number, payer, producer, accepted_on, false, accepted_fen - commission_fen
    FROM line WHERE is_accepted
    UNION ALL
    SELECT 'cash', 'order:' || number, payer, 'income:commission', accepted_on, false, commission_fen
    FROM line WHERE is_accepted
    UNION ALL
    SELECT 'cash', 'order:' || o.number, line.payer, 'income:freight', o.accepted_on, false, o.freight_fen
    FROM "order" o JOIN (SELECT number, min(payer) AS payer FROM line GROUP BY number) line USING (number)
    WHERE o.status = 'accepted' AND o.accepted_fen > 0
"""
_HELD = """
    SELECT
        entry.book, transfer.source,
        CASE WHEN debit.code LIKE 'asset:bank:%' THEN 'asset:bank' ELSE debit.code END,
        CASE WHEN credit.code LIKE 'asset:bank:%' THEN 'asset:bank' ELSE credit.code END,
        CASE WHEN entry.reverses IS NULL OR transfer.source NOT LIKE 'sale:%' THEN entry.occurred_on END,
        transfer.kind LIKE '%\\_unpaired', transfer.amount_fen
    FROM ledger_transfer transfer JOIN ledger_entry entry ON entry.id = transfer.entry_id
    JOIN ledger_account debit ON debit.id = transfer.debit_account
    JOIN ledger_account credit ON credit.id = transfer.credit_account
"""

DIFFERENCES = f"""
    WITH line AS MATERIALIZED ({_LINES}),
    expected (book, source, debit, credit, day, is_outside, amount_fen) AS (
        {_RECEIPTS} UNION ALL {_SALES} UNION ALL {_ORDERS}
    ),
    held (book, source, debit, credit, day, is_outside, amount_fen) AS ({_HELD})
    SELECT
        source, debit, credit, day, sum(expected_fen) AS expected_fen, sum(held_fen) AS held_fen,
        count(*) OVER () AS wrong
    FROM (
        SELECT book, source, debit, credit, day, is_outside, amount_fen AS expected_fen, 0 AS held_fen FROM expected
        UNION ALL
        SELECT book, source, debit, credit, day, is_outside, 0, amount_fen FROM held
    ) side
    GROUP BY book, source, debit, credit, day, is_outside
    HAVING sum(expected_fen) <> sum(held_fen)
    ORDER BY day, source, debit, credit
    LIMIT 1
"""  # noqa: S608  # put together from the constants above
