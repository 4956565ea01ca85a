"""Paying over HTTP."""

from typing import Any

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
from shop.payments import service
from shop.payments.models import BankReceipt
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


class ReceiptSchema(ma.Schema):
    """A bank receipt and where its money went."""

    number = fields.String()
    amount_fen = fields.Integer()
    allocated_fen = fields.Integer()
    unallocated_fen = fields.Function(lambda receipt: receipt.amount_fen - receipt.allocated_fen)
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
