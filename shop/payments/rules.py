"""Where money that arrived belongs. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal
from uuid import UUID

from shop.orders.models import Order, OrderStatus, PaymentMethod
from shop.orders.rules import NUMBER_PREFIX
from shop.payments.models import BankReceipt, MoveKind, ReceiptMove

PREPAID = "liability:prepaid"
UNALLOCATED = "liability:unallocated"

_MISTYPED = 2

OPPOSITE = {MoveKind.PLACED: MoveKind.RELEASED, MoveKind.REFUNDED: MoveKind.RETURNED}
"""By which kind a move is undone; the others are not."""

WaitReason = Literal["no_order", "order_cancelled", "too_much", "released"]


@dataclass(frozen=True)
class Allocation:
    """How one receipt is split: what the order takes, through which account, and what nobody takes yet."""

    account: str | None
    taken_fen: int
    left_fen: int


def allocate_receipt(order: Order | None, amount_fen: int) -> Allocation:
    """Split `amount_fen` between an order and the unallocated rest.

    A prepaid order takes what it still lacks as a prepayment; an accepted order on account takes what it still owes.
    Any other money, and whatever is too much, is kept unallocated: it is never refused.
    """
    if order is None or not is_open(order):
        return Allocation(None, 0, amount_fen)
    taken_fen = max(0, min(amount_fen, lacking_fen(order)))
    if not taken_fen:
        return Allocation(None, 0, amount_fen)
    return Allocation(account_of(order), taken_fen, amount_fen - taken_fen)


def is_open(order: Order) -> bool:
    """Tell whether an order takes money now: prepaid until it is paid, on account once it is accepted."""
    return (order.payment_method, order.status) in {
        (PaymentMethod.BANK_TRANSFER, OrderStatus.AWAITING_PAYMENT),
        (PaymentMethod.ON_ACCOUNT, OrderStatus.ACCEPTED),
    }


def lacking_fen(order: Order) -> int:
    """Return what an order still lacks; negative where it has too much."""
    return order.billed_fen - order.paid_fen


def is_prepaid(order: Order) -> bool:
    """Tell whether the order's money came before its goods."""
    return order.payment_method is not PaymentMethod.ON_ACCOUNT


def account_of(order: Order) -> str:
    """Return the account that money placed on an order goes to. Its organisation is loaded."""
    if is_prepaid(order):
        return PREPAID
    if order.organisation is None:
        # The database refuses such an order, so it is a defect, not a refusal.
        message = f"order {order.number} is on account without an organisation"
        raise AssertionError(message)
    return f"asset:receivable:{order.organisation.code}"


def placed_by_receipt(moves: Sequence[ReceiptMove]) -> dict[UUID, int]:
    """Return what an order has of each receipt, those that gave last first; `moves` are the order's."""
    has: Counter[UUID] = Counter()
    last: dict[UUID, UUID] = {}
    for move in moves:
        if move.kind is MoveKind.PLACED:
            has[move.receipt_id] += move.amount_fen
            last[move.receipt_id] = max(move.id, last.get(move.receipt_id, move.id))
        elif move.kind is MoveKind.RELEASED:
            has[move.receipt_id] -= move.amount_fen
    return {receipt: has[receipt] for receipt in sorted(last, key=last.__getitem__, reverse=True) if has[receipt]}


def take_back(placed: dict[UUID, int], amount_fen: int) -> dict[UUID, int]:
    """Choose what to take back of each receipt, in the order given, until it is `amount_fen` together."""
    taken: dict[UUID, int] = {}
    for receipt, has_fen in placed.items():
        part_fen = min(has_fen, amount_fen)
        if part_fen:
            taken[receipt] = part_fen
            amount_fen -= part_fen
    return taken


def may_undo(move: ReceiptMove, order: Order | None, moves: Sequence[ReceiptMove]) -> bool:
    """Tell whether a move can be undone as if it had not been; `moves` are all of its receipt.

    A refund can, once the bank has sent it back. Money can leave an order while nothing rests on it: a prepaid one
    that is not paid yet, and one on account at any time. What counted, or was taken back already, stays.
    """
    if move.kind not in OPPOSITE or any(other.undoes == move.id for other in moves):
        return False
    if move.kind is MoveKind.REFUNDED:
        return True
    if order is None or (is_prepaid(order) and order.status is not OrderStatus.AWAITING_PAYMENT):
        return False
    of_order = [other for other in moves if other.order_id == order.id]
    return placed_by_receipt(of_order).get(move.receipt_id, 0) >= move.amount_fen


def why_waiting(receipt: BankReceipt, moves: Iterable[ReceiptMove]) -> WaitReason:
    """Say why money of a receipt waits; its order is loaded."""
    if any(move.kind is MoveKind.RELEASED for move in moves):
        return "released"
    if receipt.order is None:
        return "no_order"
    if receipt.order.status is OrderStatus.CANCELLED:
        return "order_cancelled"
    return "too_much"


@dataclass(frozen=True)
class Surplus:
    """What a payer of an order has paid too much: what still waits to go back, and what went back."""

    waiting_fen: int = 0
    refunded_fen: int = 0


def surplus(order: Order, receipts: Iterable[BankReceipt], moves: Sequence[ReceiptMove]) -> Surplus:
    """Sum what is left, and was paid back, of the receipts of an order; `moves` are the order's.

    A receipt that named the order counts in full. One that finance placed on it counts by what the order gave back:
    the rest of it may be anybody's.
    """
    waiting_fen = refunded_fen = 0
    for receipt in receipts:
        left_fen, back_fen = receipt.unallocated_fen, receipt.refunded_fen
        if receipt.order_id != order.id:
            given_back_fen = sum(
                move.amount_fen
                for move in moves
                if move.receipt_id == receipt.id and move.kind is MoveKind.RELEASED and move.undoes is None
            )
            back_fen = min(back_fen, given_back_fen)
            left_fen = min(left_fen, given_back_fen - back_fen)
        waiting_fen += left_fen
        refunded_fen += back_fen
    return Surplus(waiting_fen, refunded_fen)


def resembles(number: str, reference: str) -> bool:
    """Tell whether a reference holds an order's number with at most two signs left out or mistyped."""
    compact = re.sub(r"[^0-9A-Z]", "", reference.upper())
    body = number.removeprefix(NUMBER_PREFIX)
    matcher = SequenceMatcher(None, compact, body, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()) >= len(body) - _MISTYPED
