"""Paying over HTTP."""

from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import current_app
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from marshmallow import fields, validate

from shop.db import db, transaction
from shop.errors import ShopError
from shop.identity.actor import require_actor, requires
from shop.identity.idempotency import idempotent
from shop.identity.models import Role
from shop.orders import queries as orders
from shop.orders.rules import TransferDue, transfer_due
from shop.payments import moves, queries, service
from shop.payments.models import BankReceipt, MoveKind
from shop.payments.moves import Refund
from shop.payments.service import ReceiptDraft
from shop.rest import ApiBlueprint

blueprint = ApiBlueprint("payments", __name__, description="Payments")

MAX_RECEIPT_FEN = 10**13


class NothingDue(ShopError):
    """The order has nothing to pay now."""

    code = "nothing-due"
    title = _l("这个订单现在无需付款")


class PayeeSchema(ma.Schema):
    """Whom to pay."""

    name = fields.String()
    bank = fields.String()
    account_number = fields.String()


class TransferDueSchema(ma.Schema):
    """What to transfer, to whom, and what to write on it."""

    payee = fields.Nested(PayeeSchema)
    amount_fen = fields.Integer()
    reference = fields.String()


class ReceiptRequest(ma.Schema):
    """Money seen at the bank."""

    amount_fen = fields.Integer(required=True, strict=True, validate=validate.Range(1, MAX_RECEIPT_FEN))
    paid_on = fields.Date(required=True)
    payer = fields.String(required=True, validate=validate.Length(1, 200))
    reference = fields.String(required=True, validate=validate.Length(0, 500))
    order_number = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 64))

    @ma.post_load
    def make(self, data: dict[str, Any], **_: object) -> ReceiptDraft:
        """Return the draft that the service takes."""
        return ReceiptDraft(**data)


class AllocationRequest(ma.Schema):
    """Place waiting money on an order; without an amount as much as both allow."""

    order_number = fields.String(required=True, validate=validate.Length(1, 64))
    amount_fen = fields.Integer(
        load_default=None, allow_none=True, strict=True, validate=validate.Range(1, MAX_RECEIPT_FEN)
    )


class RefundRequest(ma.Schema):
    """Money that went back to the payer, as the bank's statement has it."""

    amount_fen = fields.Integer(required=True, strict=True, validate=validate.Range(1, MAX_RECEIPT_FEN))
    refunded_on = fields.Date(required=True)
    bank_reference = fields.String(required=True, validate=validate.Length(1, 100))
    reason = fields.String(load_default="", validate=validate.Length(0, 200))

    @ma.post_load
    def make(self, data: dict[str, Any], **_: object) -> Refund:
        """Return the refund that the service takes."""
        return Refund(**data)


class UndoRequest(ma.Schema):
    """Why a move is undone."""

    reason = fields.String(required=True, validate=validate.Length(1, 200))


class MoveSchema(ma.Schema):
    """One move of a receipt's money."""

    id = fields.UUID()
    kind = fields.Enum(MoveKind, by_value=True)
    order_number = fields.String(attribute="order.number", dump_default=None, allow_none=True)
    amount_fen = fields.Integer()
    moved_on = fields.Date()
    undoes = fields.UUID(allow_none=True)
    bank_reference = fields.String()
    note = fields.String()


class ReceiptSchema(ma.Schema):
    """A bank receipt and where its money went."""

    number = fields.String()
    amount_fen = fields.Integer()
    allocated_fen = fields.Integer()
    refunded_fen = fields.Integer()
    unallocated_fen = fields.Integer()
    paid_on = fields.Date()
    payer = fields.String()
    reference = fields.String()
    order_number = fields.String(attribute="order.number", dump_default=None, allow_none=True)
    order_status = fields.String(attribute="order.status.value", dump_default=None, allow_none=True)


@blueprint.post("/orders/<number>/payments")
@requires()
@blueprint.response(201, TransferDueSchema)
def start_payment(number: str) -> TransferDue:
    """Say what to transfer for an order: payee, amount and the exact reference."""
    order = orders.order(db.session, require_actor(), number)
    due = transfer_due(order, current_app.config["SETTINGS"].payee)
    if due is None:
        raise NothingDue(gettext("订单已付清、已取消，或要等验收之后再付款。"))
    return due


@blueprint.post("/bank-receipts")
@requires(Role.FINANCE)
@idempotent
@blueprint.arguments(ReceiptRequest)
@blueprint.response(201, ReceiptSchema)
def record_receipt(draft: ReceiptDraft) -> BankReceipt:
    """Record money seen at the bank. What no order takes is kept unallocated, never refused."""
    with transaction() as session:
        return service.record_bank_receipt(session, require_actor(), draft, payee=current_app.config["SETTINGS"].payee)


class ReceiptWithMovesSchema(ReceiptSchema):
    """A bank receipt with every move of its money."""

    moves = fields.List(fields.Nested(MoveSchema))


@blueprint.get("/bank-receipts/<number>")
@requires(Role.FINANCE, Role.AUDITOR)
@blueprint.response(200, ReceiptWithMovesSchema)
def get_receipt(number: str) -> BankReceipt:
    """Return a bank receipt with every move of its money."""
    return queries.receipt(db.session, number)


@blueprint.post("/bank-receipts/<number>/allocations")
@requires(Role.FINANCE)
@idempotent
@blueprint.arguments(AllocationRequest)
@blueprint.response(201, ReceiptWithMovesSchema)
def place_money(asked: dict[str, Any], number: str) -> BankReceipt:
    """Place waiting money of a receipt on an order."""
    with transaction() as session:
        moves.place(session, require_actor(), number, **asked)
        return queries.receipt(session, number)


@blueprint.post("/bank-receipts/<number>/refunds")
@requires(Role.FINANCE)
@idempotent
@blueprint.arguments(RefundRequest)
@blueprint.response(201, ReceiptWithMovesSchema)
def refund_money(asked: Refund, number: str) -> BankReceipt:
    """Record that waiting money of a receipt was sent back to its payer."""
    payee = current_app.config["SETTINGS"].payee
    with transaction() as session:
        moves.refund(session, require_actor(), number, asked, payee=payee)
        return queries.receipt(session, number)


@blueprint.post("/bank-receipts/<number>/moves/<uuid:move_id>/undo")
@requires(Role.FINANCE)
@idempotent
@blueprint.arguments(UndoRequest)
@blueprint.response(201, ReceiptWithMovesSchema)
def undo_move(asked: dict[str, str], number: str, move_id: UUID) -> BankReceipt:
    """Undo a move of a receipt's money by its opposite, as of today."""
    with transaction() as session:
        moves.undo(session, require_actor(), number, move_id, note=asked["reason"])
        return queries.receipt(session, number)
