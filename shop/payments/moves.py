"""Moving money of a receipt: onto an order, back from it, back to its payer. Nothing is changed; all is moved.

Whoever moves money locks the order first, then the receipts in the order of their ids, then stock. So two that want
the same money wait for each other, and none blocks another for good.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session, selectinload

import ledger
from shop.config import Payee
from shop.db import business_day
from shop.errors import FieldError, InvalidInput, NotFound, ShopError
from shop.identity import audit
from shop.identity.actor import Actor
from shop.orders import queries as orders
from shop.orders.models import Order
from shop.orders.rules import find_number
from shop.payments import capture, rules
from shop.payments.entries import MOVE_KEY, move_entry
from shop.payments.models import BankReceipt, MoveKind, ReceiptMove

SYSTEM = "system"


class TooLittleLeft(ShopError):
    """Less of the receipt waits than was asked for: somebody may have been faster."""

    code = "too-little-left"
    title = lazy_gettext("这笔到账剩余的款项不足")


class OrderTakesLess(ShopError):
    """The order takes no money now, or less than was asked for."""

    code = "order-takes-less"
    title = lazy_gettext("订单不需要这么多款项")


class NotUndoable(ShopError):
    """The move was undone before, or something rests on it."""

    code = "not-undoable"
    title = lazy_gettext("这一步已不能撤销")


@dataclass(frozen=True)
class Refund:
    """Money that finance sent back to the payer of a receipt, as the bank's statement has it."""

    amount_fen: int
    refunded_on: date
    bank_reference: str
    reason: str = ""


def place(session: Session, actor: Actor, number: str, *, order_number: str, amount_fen: int | None) -> BankReceipt:
    """Place money of a receipt that waits on an order, as much as both allow where no amount is given.

    Runs in the caller's database transaction, as all here do. The order takes it as of today.

    Raises:
        NotFound: there is no such receipt.
        InvalidInput: there is no such order, or the amount is not positive.
        OrderTakesLess: the order takes no money now, or less.
        TooLittleLeft: less waits.
    """
    order = _named_order(session, actor, order_number)
    receipt = _locked(session, number)
    lacking_fen = max(0, rules.lacking_fen(order)) if rules.is_open(order) else 0
    wanted_fen = min(lacking_fen, receipt.unallocated_fen) if amount_fen is None else amount_fen
    if not lacking_fen or wanted_fen > lacking_fen:
        raise OrderTakesLess(_lacks(order, lacking_fen))
    _check_left(receipt, wanted_fen)
    move = _move(receipt, MoveKind.PLACED, wanted_fen, order=order, by=actor)
    session.add(move)
    receipt.allocated_fen += wanted_fen
    ledger.post(session, move_entry(move, receipt, account=rules.account_of(order)), by=actor.email, carry_forward=True)
    capture.take(session, actor, order, wanted_fen)
    _record(session, actor, "receipt.place", receipt, move, order=order.number)
    return receipt


def refund(session: Session, actor: Actor, number: str, asked: Refund, *, payee: Payee) -> BankReceipt:
    """Record that money of a receipt that waits was sent back to its payer.

    Raises:
        NotFound: there is no such receipt.
        InvalidInput: a day before the receipt's or after today, no bank line, or an amount that is not positive.
        TooLittleLeft: less waits.
    """
    receipt = _locked(session, number)
    if not receipt.paid_on <= asked.refunded_on <= business_day():
        raise _bad("refunded_on", gettext("退款日期应在到账日期之后，且不晚于今天。"))
    if not asked.bank_reference:
        raise _bad("bank_reference", gettext("请填写银行流水号，便于日后核对。"))
    _check_left(receipt, asked.amount_fen)
    move = _move(receipt, MoveKind.REFUNDED, asked.amount_fen, by=actor, on=asked.refunded_on, note=asked.reason)
    move.bank_reference = asked.bank_reference
    session.add(move)
    receipt.refunded_fen += asked.amount_fen
    entry = move_entry(move, receipt, account=f"asset:bank:{payee.ledger_id}")
    ledger.post(session, entry, by=actor.email, carry_forward=True)
    _record(session, actor, "receipt.refund", receipt, move, bank_reference=asked.bank_reference, reason=asked.reason)
    return receipt


def undo(session: Session, actor: Actor, number: str, move_id: UUID, *, note: str = "") -> BankReceipt:
    """Undo a move, dated today: take money off an order on which nothing rests yet, or book a refund that came back.

    Raises:
        NotFound: there is no such receipt, or it has no such move.
        NotUndoable: see `rules.may_undo`.
    """
    found = session.scalar(
        sa.select(ReceiptMove)
        .join(ReceiptMove.receipt)
        .where(ReceiptMove.id == move_id, BankReceipt.number == number)
        .options(selectinload(ReceiptMove.order))
    )
    if found is None:
        raise NotFound(gettext("没有这一步操作。"))
    order = orders.order(session, actor, found.order.number, for_update=True) if found.order else None
    receipt = _locked(session, number)
    moves = session.scalars(sa.select(ReceiptMove).where(ReceiptMove.receipt_id == receipt.id)).all()
    if not rules.may_undo(found, order, moves):
        raise NotUndoable(gettext("它已经撤销，或订单已付清、已取消；请改用退款或重新登记。"))
    back = _move(receipt, rules.OPPOSITE[found.kind], found.amount_fen, order=order, by=actor, note=note)
    back.undoes = found.id
    session.add(back)
    if order is None:
        receipt.refunded_fen -= found.amount_fen
    else:
        receipt.allocated_fen -= found.amount_fen
        order.paid_fen -= found.amount_fen
    _post_undoing(session, actor, found, back, receipt, order)
    _record(session, actor, "receipt.undo", receipt, back, undoes=str(found.id), reason=note)
    return receipt


def release(session: Session, actor: Actor | None, order: Order, amount_fen: int, *, on: date, note: str) -> None:
    """Take money back from a locked order into what waits, of the receipt that gave last first. It has that much."""
    moves = session.scalars(sa.select(ReceiptMove).where(ReceiptMove.order_id == order.id)).all()
    parts = rules.take_back(rules.placed_by_receipt(moves), amount_fen)
    receipts = session.scalars(
        sa.select(BankReceipt)
        .where(BankReceipt.id.in_(parts))
        .order_by(BankReceipt.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for receipt in receipts:
        part_fen = parts[receipt.id]
        move = _move(receipt, MoveKind.RELEASED, part_fen, order=order, by=actor, on=on, note=note)
        session.add(move)
        receipt.allocated_fen -= part_fen
        order.paid_fen -= part_fen
        entry = move_entry(move, receipt, account=rules.account_of(order))
        ledger.post(session, entry, by=actor.email if actor else SYSTEM, carry_forward=True)
        _record(session, actor, "receipt.release", receipt, move, order=order.number, reason=note)


def _post_undoing(  # all that a move touches
    session: Session, actor: Actor, move: ReceiptMove, back: ReceiptMove, receipt: BankReceipt, order: Order | None
) -> None:
    """Reverse the entry of a move; one that came with its receipt has none of its own, so its way back is posted."""
    if move.is_direct and order is not None:
        entry = move_entry(back, receipt, account=rules.account_of(order))
        ledger.post(session, entry, by=actor.email, carry_forward=True)
        return
    keys = MOVE_KEY.format(id=move.id), MOVE_KEY.format(id=back.id)
    ledger.reverse(session, keys[0], new_key=keys[1], on=back.moved_on, by=actor.email, carry_forward=True)


def _named_order(session: Session, actor: Actor, order_number: str) -> Order:
    number = find_number(order_number)
    try:
        if number is not None:
            return orders.order(session, actor, number, for_update=True)
    except NotFound:
        pass
    raise _bad("order_number", gettext("没有这个订单，请核对订单号。"), value=order_number)


def _locked(session: Session, number: str) -> BankReceipt:
    query = sa.select(BankReceipt).where(BankReceipt.number == number).options(selectinload(BankReceipt.order))
    # What the session read before it had the lock may be stale.
    query = query.with_for_update(of=BankReceipt).execution_options(populate_existing=True)
    receipt = session.scalar(query)
    if receipt is None:
        raise NotFound(gettext("没有这笔到账记录。"))
    return receipt


def _check_left(receipt: BankReceipt, wanted_fen: int) -> None:
    if wanted_fen > receipt.unallocated_fen or not receipt.unallocated_fen:
        left = ledger.format_yuan(receipt.unallocated_fen)
        raise TooLittleLeft(gettext("只剩 %(left)s 元待认领，请刷新后重新填写。", left=left))
    if wanted_fen <= 0:
        raise _bad("amount_fen", gettext("金额应大于 0。"))


def _lacks(order: Order, lacking_fen: int) -> str:
    if not lacking_fen:
        return str(gettext("订单 %(number)s 现在不需要付款：已付清、已取消，或要等验收之后。", number=order.number))
    lacking = ledger.format_yuan(lacking_fen)
    return str(gettext("订单 %(number)s 只差 %(lacking)s 元。", number=order.number, lacking=lacking))


def _move(  # noqa: PLR0913  # one row: each column is named
    receipt: BankReceipt,
    kind: MoveKind,
    amount_fen: int,
    *,
    by: Actor | None,
    order: Order | None = None,
    on: date | None = None,
    note: str = "",
) -> ReceiptMove:
    return ReceiptMove(
        id=ledger.uuid7(),
        receipt_id=receipt.id,
        kind=kind,
        order_id=order.id if order else None,
        amount_fen=amount_fen,
        moved_on=on or business_day(),
        note=note,
        recorded_by=by.user_id if by else None,
    )


def _record(  # one event: each part is named
    session: Session, actor: Actor | None, action: str, receipt: BankReceipt, move: ReceiptMove, **detail: object
) -> None:
    subject = f"receipt:{receipt.number}"
    audit.record(session, actor, action=action, subject=subject, amount_fen=move.amount_fen, **detail)
    session.flush()  # so that a rule of the database speaks here, not at the commit


def _bad(field: str, message: str, *, value: str | None = None) -> InvalidInput:
    return InvalidInput(errors=(FieldError(field, message, value=value),))
