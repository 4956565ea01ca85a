"""What acceptance says about a line, and how the accepted money is split. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from flask_babel import gettext

import ledger
from ledger import Leg
from shop.errors import FieldError
from shop.orders.models import Order, OrderLine

COMMISSION_WHOLE_BP = 10_000
MAX_DECIMALS = 3


@dataclass(frozen=True)
class AcceptedLine:
    """What the buyer found in one delivered line. `reason` says why it is less than ordered."""

    line_no: int
    accepted_quantity: Decimal
    reason: str | None = None


def check_acceptance(lines: Iterable[OrderLine], accepted: Iterable[AcceptedLine]) -> list[FieldError]:
    """Return what is wrong with an acceptance: every line once, no more than ordered, a reason for less."""
    ordered = {line.line_no: line for line in lines}
    errors: list[FieldError] = []
    seen: set[int] = set()
    for index, item in enumerate(accepted):
        path = f"lines.{index}"
        line = ordered.get(item.line_no)
        if line is None:
            errors.append(FieldError(f"{path}.line_no", gettext("订单没有这一行。"), value=str(item.line_no)))
            continue
        if item.line_no in seen:
            errors.append(FieldError(f"{path}.line_no", gettext("这一行重复填写。"), value=str(item.line_no)))
        seen.add(item.line_no)
        errors.extend(_check_line(path, line, item))
    missing = sorted(set(ordered) - seen)
    errors.extend(FieldError("lines", gettext("第 %(no)s 行没有填写验收数量。", no=no)) for no in missing)
    return errors


def _check_line(path: str, line: OrderLine, item: AcceptedLine) -> list[FieldError]:
    field, quantity = f"{path}.accepted_quantity", item.accepted_quantity
    if not quantity.is_finite():
        return [FieldError(field, gettext("请填写数字，例如 9.5；一件没收就填 0。"), value=str(quantity))]
    if quantity < 0:
        return [FieldError(field, gettext("验收数量不能小于 0。"), value=str(quantity))]
    if quantity > line.quantity:
        message = gettext("验收数量不能超过订购的 %(most)s。", most=line.quantity)
        return [FieldError(field, message, value=str(quantity))]
    exponent = quantity.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > MAX_DECIMALS:
        return [FieldError(field, gettext("验收数量最多三位小数。"), value=str(quantity))]
    if quantity < line.quantity and not (item.reason or "").strip():
        return [FieldError(f"{path}.reason", gettext("验收少于订购时请写明原因。"))]
    return []


def accepted_amount_fen(line: OrderLine, quantity: Decimal) -> int:
    """Return what the accepted quantity of a line costs, rounded once, half up."""
    return ledger.line_amount_fen(line.unit_price_fen, quantity)


def earning_legs(order: Order, debit: str, *, kind: str) -> list[Leg]:
    """Return who earns the accepted goods, some at least: each producer, the platform's commission, the freight.

    The commission of a line is rounded half up and the producer has the rest, so that nothing is lost.
    """
    earned: Counter[str] = Counter()
    for line in order.lines:
        amount_fen = line.accepted_amount_fen or 0
        commission_fen = commission_of(amount_fen, line.commission_bp)
        earned["income:commission"] += commission_fen
        earned[f"liability:supplier:{line.producer_code}"] += amount_fen - commission_fen
    earned["income:freight"] += order.freight_fen
    return _legs(debit, earned, kind=kind)


def commission_of(amount_fen: int, commission_bp: int) -> int:
    """Return the commission on an amount, rounded half up."""
    return (amount_fen * commission_bp * 2 + COMMISSION_WHOLE_BP) // (2 * COMMISSION_WHOLE_BP)


def _legs(debit: str, credits_fen: Mapping[str, int], *, kind: str) -> list[Leg]:
    return [Leg(debit, account, amount_fen, kind) for account, amount_fen in sorted(credits_fen.items()) if amount_fen]


def shortfall_parts(order: Order) -> dict[tuple[str, str], int]:
    """Return how much of a prepaid order's counted assistance was not accepted, by (debit, credit) of its entry."""
    short: Counter[tuple[str, str]] = Counter()
    debit = ledger.partner_account(order.partner_code, "direct", order.channel_code)
    for line in order.lines:
        missing_fen = line.amount_fen - (line.accepted_amount_fen or 0)
        short[(debit, ledger.county_account(line.county_code, line.category_code))] += missing_fen
    return {accounts: amount_fen for accounts, amount_fen in short.items() if amount_fen}
