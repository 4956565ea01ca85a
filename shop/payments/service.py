"""Recording money."""

from collections import Counter
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from flask_babel import gettext
from sqlalchemy.orm import Session

import ledger
from ledger import Draft, Leg
from shop.config import Payee
from shop.db import business_day
from shop.errors import FieldError, InvalidInput, NotFound
from shop.identity import audit
from shop.identity.actor import Actor
from shop.orders import queries as orders
from shop.orders.models import Order, OrderStatus, PaymentMethod
from shop.orders.rules import find_number, new_number
from shop.payments import rules
from shop.payments.models import BankReceipt

AID_KEY = "order:{number}:aid"
"""The idempotency key under which the ledger holds an order's assistance."""


@dataclass(frozen=True)
class ReceiptDraft:
    """Money that finance saw at the bank. `order_number` wins over a number found in `reference`."""

    amount_fen: int
    paid_on: date
    payer: str
    reference: str
    order_number: str | None = None


def record_bank_receipt(session: Session, actor: Actor, draft: ReceiptDraft, *, payee: Payee) -> BankReceipt:
    """Record money seen at the bank, post it, and count the order once it is paid in full.

    Runs in the caller's database transaction. Money that no order takes is posted to `liability:unallocated`.

    Raises:
        InvalidInput: the money would arrive in the future.
    """
    if draft.paid_on > business_day():
        raise InvalidInput(errors=(FieldError("paid_on", gettext("到账日期不能晚于今天。")),))
    order = _find_order(session, actor, draft)
    split = rules.allocate_receipt(order, draft.amount_fen)
    receipt = BankReceipt(
        id=ledger.uuid7(),
        number=new_number().replace("GW", "BR", 1),
        order=order,
        amount_fen=draft.amount_fen,
        allocated_fen=split.taken_fen,
        paid_on=draft.paid_on,
        payer=draft.payer,
        reference=draft.reference,
        recorded_by=actor.user_id,
    )
    session.add(receipt)
    # Of a closed month it counts in the first open one, and keeps its own day.
    ledger.post(session, receipt_entry(receipt, split, bank=payee.ledger_id), by=actor.email, carry_forward=True)
    if order is not None and split.taken_fen:
        order.paid_fen += split.taken_fen
        if order.status is OrderStatus.AWAITING_PAYMENT and order.paid_fen == order.total_fen:
            order.status = OrderStatus.PAID
            capture = assistance_entry(order, on=_captured_on(session, order))
            ledger.post(session, capture, by=actor.email, carry_forward=True)
    audit.record(
        session,
        actor,
        action="receipt.record",
        subject=f"receipt:{receipt.number}",
        amount_fen=receipt.amount_fen,
        order=order.number if order else None,
        order_number_given=draft.order_number,
        allocated_fen=receipt.allocated_fen,
    )
    session.flush()  # so that a rule of the database speaks here, not at the commit
    return receipt


def _captured_on(session: Session, order: Order) -> date:
    """Return the day on which the order was paid in full: receipts may be recorded in another order than they came."""
    captured = sa.and_(BankReceipt.order_id == order.id, BankReceipt.allocated_fen > 0)
    last = session.scalar(sa.select(sa.func.max(BankReceipt.paid_on)).where(captured))
    return max(order.placed_on, last) if last is not None else order.placed_on


def _find_order(session: Session, actor: Actor, draft: ReceiptDraft) -> Order | None:
    # What finance typed is read as forgivingly as what the payer wrote, and never overruled by it.
    number = find_number((draft.order_number or "").strip() or draft.reference)
    if number is None:
        return None
    try:
        return orders.order(session, actor, number, for_update=True)
    except NotFound:
        return None


def receipt_entry(receipt: BankReceipt, split: rules.Allocation, *, bank: str) -> Draft:
    """Build the cash entry of one receipt: from the bank to what the order owes and to the unallocated rest."""
    debit = f"asset:bank:{bank}"
    legs = []
    if split.account is not None:
        legs.append(Leg(debit, split.account, split.taken_fen, "receipt"))
    if split.left_fen:
        legs.append(Leg(debit, "liability:unallocated", split.left_fen, "receipt"))
    return Draft(
        book="cash",
        key=f"receipt:{receipt.number}",
        effective_on=receipt.paid_on,
        source=f"receipt:{receipt.number}",
        legs=tuple(legs),
        memo=receipt.payer,
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


def is_prepaid(order: Order) -> bool:
    """Tell whether the order's money came before its goods."""
    return order.payment_method is not PaymentMethod.ON_ACCOUNT
