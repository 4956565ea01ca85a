"""What the ledger is told of receipts, of the moves of their money, and of an order that is paid. Pure."""

from collections import Counter
from datetime import date

import ledger
from ledger import Draft, Leg
from shop.orders.models import Order
from shop.payments.models import BankReceipt, MoveKind, ReceiptMove
from shop.payments.rules import UNALLOCATED, Allocation

AID_KEY = "order:{number}:aid"
"""The idempotency key under which the ledger holds an order's assistance."""

MOVE_KEY = "move:{id}"
"""That of a move of a receipt's money."""


def receipt_entry(receipt: BankReceipt, split: Allocation, *, bank: str) -> Draft:
    """Build the cash entry of one receipt: from the bank to what the order owes and to the unallocated rest."""
    debit = f"asset:bank:{bank}"
    legs = []
    if split.account is not None:
        legs.append(Leg(debit, split.account, split.taken_fen, "receipt"))
    if split.left_fen:
        legs.append(Leg(debit, UNALLOCATED, split.left_fen, "receipt"))
    return Draft(
        book="cash",
        key=f"receipt:{receipt.number}",
        effective_on=receipt.paid_on,
        source=f"receipt:{receipt.number}",
        legs=tuple(legs),
        memo=receipt.payer,
    )


def move_entry(move: ReceiptMove, receipt: BankReceipt, *, account: str) -> Draft:
    """Build the cash entry of a move between what is unallocated and `account`: an order's, or the bank's."""
    leaves = move.kind in {MoveKind.PLACED, MoveKind.REFUNDED}
    debit, credit = (UNALLOCATED, account) if leaves else (account, UNALLOCATED)
    return Draft(
        book="cash",
        key=MOVE_KEY.format(id=move.id),
        effective_on=move.moved_on,
        source=f"receipt:{receipt.number}",
        legs=(Leg(debit, credit, move.amount_fen, move.kind.value),),
        memo=move.bank_reference or receipt.payer,
    )


def assistance_entry(order: Order, *, on: date) -> Draft:
    """Build the aid entry of an order: one transfer a county and category, on what was accepted if that is known.

    Goods only, tax included, without freight. The order must have something to count.
    """
    amounts: Counter[tuple[str, str, bool]] = Counter()
    for line in order.lines:
        amount_fen = line.amount_fen if line.accepted_amount_fen is None else line.accepted_amount_fen
        amounts[(line.county_code, line.category_code, line.is_paired)] += amount_fen
    debit = ledger.partner_account(order.partner_code, "direct", order.channel_code)
    return Draft(
        book="aid",
        key=AID_KEY.format(number=order.number),
        effective_on=on,
        source=f"order:{order.number}",
        legs=tuple(
            Leg(debit, ledger.county_account(county, category), amount_fen, "order" if is_paired else "order_unpaired")
            for (county, category, is_paired), amount_fen in sorted(amounts.items())
            if amount_fen
        ),
    )
