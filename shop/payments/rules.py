"""Where money that arrived belongs. Pure."""

from dataclasses import dataclass

from shop.orders.models import Order, OrderStatus, PaymentMethod


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
    account = _account(order)
    if order is None or account is None:
        return Allocation(None, 0, amount_fen)
    taken_fen = max(0, min(amount_fen, order.billed_fen - order.paid_fen))
    if not taken_fen:
        return Allocation(None, 0, amount_fen)
    return Allocation(account, taken_fen, amount_fen - taken_fen)


def _account(order: Order | None) -> str | None:
    if order is None:
        return None
    if (order.payment_method, order.status) == (PaymentMethod.BANK_TRANSFER, OrderStatus.AWAITING_PAYMENT):
        return "liability:prepaid"
    if (order.payment_method, order.status) == (PaymentMethod.ON_ACCOUNT, OrderStatus.ACCEPTED) and order.organisation:
        return f"asset:receivable:{order.organisation.code}"
    return None
