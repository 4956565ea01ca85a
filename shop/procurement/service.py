"""Acceptance of delivered goods 验收: the accepted quantity is what is billed, counted and owed to producers."""

from collections.abc import Sequence
from datetime import date

from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session

import ledger
from ledger import Draft
from shop.errors import InvalidInput, NotAllowed, ShopError
from shop.identity import audit
from shop.identity.actor import Actor
from shop.orders import notices
from shop.orders import queries as orders
from shop.orders.models import Order, OrderStatus
from shop.orders.rules import may_become
from shop.orders.service import is_buyer
from shop.payments import moves
from shop.payments.entries import AID_KEY, assistance_entry
from shop.payments.rules import account_of, is_prepaid, lacking_fen
from shop.procurement import rules
from shop.procurement.rules import AcceptedLine

SHORTFALL = "shortfall"
"""What the move of money that turned out to be too much notes as its reason."""


class NotAcceptable(ShopError):
    """The order is not waiting for goods."""

    code = "not-acceptable"
    title = lazy_gettext("这个订单现在不能验收")


def accept_goods(session: Session, actor: Actor, number: str, accepted: Sequence[AcceptedLine], *, on: date) -> Order:
    """Record what was accepted of every line and post it to both books, once.

    On account, the accepted amount becomes a receivable and counts as assistance now. Prepaid, producers earn what
    was accepted; what was not is taken back out of the assistance, and its money waits to be refunded by
    finance.
    Runs in the caller's database transaction.

    Raises:
        NotFound: the actor sees no such order.
        NotAllowed: the actor did not buy it.
        NotAcceptable: not paid yet, accepted before, or cancelled.
        InvalidInput: a line is missing, twice, over, or short without a reason.
    """
    order = orders.order(session, actor, number, for_update=True)
    if not is_buyer(actor, order):
        raise NotAllowed(gettext("验收由下单的一方办理。"))
    if not may_become(order.status, OrderStatus.ACCEPTED):
        raise NotAcceptable(gettext("订单尚未付款、已经验收或已取消。"))
    errors = rules.check_acceptance(order.lines, accepted)
    if errors:
        raise InvalidInput(errors=tuple(errors))
    record_acceptance(session, actor, order, accepted, on=on, action="order.accept")
    return order


def record_acceptance(  # who, what, when and as what
    session: Session, actor: Actor | None, order: Order, accepted: Sequence[AcceptedLine], *, on: date, action: str
) -> None:
    """Post what was accepted of a locked order that may be accepted and whose lines were checked.

    Args:
        session: the caller's.
        actor: who says it; None for the system, on behalf of a buyer who says nothing.
        order: with lines, buyer and organisation.
        accepted: every line once.
        on: the business day.
        action: what the audit trail calls it.
    """
    _fill_lines(order, accepted)
    order.status, order.accepted_on = OrderStatus.ACCEPTED, on
    by = actor.email if actor else moves.SYSTEM
    for entry in acceptance_entries(order, on=on):
        ledger.post(session, entry, by=by, carry_forward=True)
    if is_prepaid(order):
        _take_back_shortfall(session, order, by=by, on=on)
        if lacking_fen(order) < 0:
            moves.release(session, actor, order, -lacking_fen(order), on=on, note=SHORTFALL)
    audit.record(session, actor, action=action, subject=f"order:{order.number}", accepted_fen=order.accepted_fen)
    session.flush()  # so that a rule of the database speaks here, not at the commit
    notices.tell(session, order)


def _fill_lines(order: Order, accepted: Sequence[AcceptedLine]) -> None:
    by_number = {item.line_no: item for item in accepted}
    for line in order.lines:
        item = by_number[line.line_no]
        line.accepted_quantity = item.accepted_quantity
        line.accepted_amount_fen = rules.accepted_amount_fen(line, item.accepted_quantity)
        is_short = item.accepted_quantity < line.quantity
        line.shortfall_reason = (item.reason or "").strip() if is_short else None
    order.accepted_fen = sum(line.accepted_amount_fen or 0 for line in order.lines)


def acceptance_entries(order: Order, *, on: date) -> list[Draft]:
    """Build what acceptance posts: who earns the goods and, on account, the assistance. Nothing for nothing."""
    if not order.accepted_fen:
        return []
    debit = account_of(order)
    cash = Draft(
        book="cash",
        key=f"order:{order.number}:acceptance",
        effective_on=on,
        source=f"order:{order.number}",
        legs=tuple(rules.earning_legs(order, debit, kind="acceptance")),
    )
    return [cash] if is_prepaid(order) else [cash, assistance_entry(order, on=on)]


def _take_back_shortfall(session: Session, order: Order, *, by: str, on: date) -> None:
    parts = rules.shortfall_parts(order)
    if parts:
        ledger.reverse(
            session,
            AID_KEY.format(number=order.number),
            new_key=f"order:{order.number}:shortfall",
            on=on,
            source=f"order:{order.number}",
            parts=parts,
            by=by,
            carry_forward=True,
        )
