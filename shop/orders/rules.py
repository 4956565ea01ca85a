"""What an order may do and cost. Pure: data and the clock come in as arguments."""

import re
import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shop.config import Payee
from shop.orders.models import Order, OrderStatus, PaymentMethod

NUMBER_PREFIX = "GW"
NUMBER_LENGTH = 12
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is read as a digit. Twelve of them are 60 random bits."""

_NUMBER = re.compile(rf"{NUMBER_PREFIX}[{ALPHABET}]{{{NUMBER_LENGTH}}}")
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})

FREE_FREIGHT_FROM_FEN = 99_00
FREIGHT_FEN = 12_00

PAY_WITHIN = timedelta(hours=72)
"""How long stock is held for money: a transfer of Friday evening is seen at the bank, and recorded, on Monday."""

REST_WITHIN = timedelta(hours=72)
"""How long after a part of its money an order waits for the rest, at least."""

MAX_QUANTITY = 9_999
MAX_LINES = 200

_NEXT: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.AWAITING_PAYMENT: frozenset({OrderStatus.PAID, OrderStatus.CANCELLED}),
    OrderStatus.AWAITING_ACCEPTANCE: frozenset({OrderStatus.ACCEPTED, OrderStatus.CANCELLED}),
    OrderStatus.PAID: frozenset({OrderStatus.ACCEPTED, OrderStatus.REFUNDED}),
    OrderStatus.ACCEPTED: frozenset({OrderStatus.REFUNDED}),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.REFUNDED: frozenset(),
}


def may_become(current: OrderStatus, following: OrderStatus) -> bool:
    """Tell whether an order may go from one status to another."""
    return following in _NEXT[current]


def may_cancel(status: OrderStatus, *, paid_fen: int, has_left: bool = False) -> bool:
    """Tell whether a buyer may still cancel: nothing paid, no parcel that left, nothing accepted."""
    return paid_fen == 0 and not has_left and may_become(status, OrderStatus.CANCELLED)


def first_status(method: PaymentMethod) -> OrderStatus:
    """Return where an order starts: goods first on account, money first otherwise."""
    if method is PaymentMethod.ON_ACCOUNT:
        return OrderStatus.AWAITING_ACCEPTANCE
    return OrderStatus.AWAITING_PAYMENT


def pay_until(method: PaymentMethod, *, at: datetime, within: timedelta) -> datetime | None:
    """Return until when an order placed at `at` holds its stock for money; None where goods come first."""
    return at + within if first_status(method) is OrderStatus.AWAITING_PAYMENT else None


def rest_until(deadline: datetime | None, *, at: datetime) -> datetime:
    """Return until when an order waits for the rest, of which a part has come at `at`: never less than it had."""
    rest = at + REST_WITHIN
    return rest if deadline is None else max(deadline, rest)


def has_expired(status: OrderStatus, deadline: datetime | None, *, at: datetime) -> bool:
    """Tell whether an order has waited for its money in vain."""
    return status is OrderStatus.AWAITING_PAYMENT and deadline is not None and deadline <= at


def new_number() -> str:
    """Return a public number that can be neither guessed nor counted."""
    return NUMBER_PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(NUMBER_LENGTH))


def find_number(text: str) -> str | None:
    """Find the one order number in what a payer typed; None for none, or for two different ones.

    Blanks, hyphens, case and the letters that look like digits are forgiven.
    """
    compact = re.sub(r"[\s\-_]", "", text).upper()
    found = {match.group() for match in _NUMBER.finditer(compact)}
    if not found:
        found = {match.group() for match in _NUMBER.finditer(compact.translate(_MISREAD))}
    return found.pop() if len(found) == 1 else None


def demand(lines: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Sum what several lines want of the same item."""
    total: Counter[str] = Counter()
    for sku, quantity in lines:
        total[sku] += quantity
    return dict(total)


def freight_fen(goods_fen: int, *, for_organisation: bool) -> int:
    """Return the freight: free for organisations, and for individuals from 99 yuan on."""
    if for_organisation or goods_fen >= FREE_FREIGHT_FROM_FEN:
        return 0
    return FREIGHT_FEN


@dataclass(frozen=True)
class TransferDue:
    """What a buyer still has to transfer, to whom, and what to write on the transfer."""

    payee: Payee
    amount_fen: int
    reference: str


def transfer_due(order: Order, payee: Payee) -> TransferDue | None:
    """Return what is still to be transferred for an order; None when nothing is due now."""
    is_due = (order.payment_method, order.status) in {
        (PaymentMethod.BANK_TRANSFER, OrderStatus.AWAITING_PAYMENT),
        (PaymentMethod.ON_ACCOUNT, OrderStatus.ACCEPTED),
    }
    left_fen = order.billed_fen - order.paid_fen
    return TransferDue(payee, left_fen, order.number) if is_due and left_fen > 0 else None
