"""Recording money that was seen at the bank."""

from dataclasses import dataclass
from datetime import date

from flask_babel import gettext
from sqlalchemy.orm import Session

import ledger
from shop.config import Payee
from shop.db import business_day
from shop.errors import FieldError, InvalidInput, NotFound
from shop.identity import audit
from shop.identity.actor import Actor
from shop.orders import queries as orders
from shop.orders.models import Order
from shop.orders.rules import find_number, new_number
from shop.payments import capture, rules
from shop.payments.entries import receipt_entry
from shop.payments.models import BankReceipt, MoveKind, ReceiptMove


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

    Runs in the caller's database transaction. Money that no order takes is posted to `liability:unallocated`, from
    where `moves` places it later or pays it back.

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
        refunded_fen=0,
        paid_on=draft.paid_on,
        payer=draft.payer,
        reference=draft.reference,
        recorded_by=actor.user_id,
    )
    session.add(receipt)
    # Of a closed month it counts in the first open one, and keeps its own day.
    ledger.post(session, receipt_entry(receipt, split, bank=payee.ledger_id), by=actor.email, carry_forward=True)
    if order is not None and split.taken_fen:
        session.flush()  # so that the move finds its receipt
        session.add(
            ReceiptMove(
                receipt_id=receipt.id,
                kind=MoveKind.PLACED,
                order_id=order.id,
                amount_fen=split.taken_fen,
                moved_on=receipt.paid_on,
                is_direct=True,
                recorded_by=actor.user_id,
            )
        )
        capture.take(session, actor, order, split.taken_fen)
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


def _find_order(session: Session, actor: Actor, draft: ReceiptDraft) -> Order | None:
    # What finance typed is read as forgivingly as what the payer wrote, and never overruled by it.
    number = find_number((draft.order_number or "").strip() or draft.reference)
    if number is None:
        return None
    try:
        return orders.order(session, actor, number, for_update=True)
    except NotFound:
        return None
