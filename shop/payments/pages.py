"""Bank receipts as pages, for finance."""

from datetime import date

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, StringField, ValidationError
from wtforms.validators import DataRequired, Length, Optional

import ledger
from shop.db import business_day, db, transaction
from shop.errors import InvalidInput
from shop.identity.actor import require_actor, requires
from shop.identity.idempotency import idempotent
from shop.identity.models import Role
from shop.orders.models import Order
from shop.orders.pages import ORDER_PAGE_EXTRAS
from shop.payments import queries, service
from shop.payments.api import MAX_RECEIPT_FEN
from shop.payments.desk.view import render_receipt
from shop.payments.service import ReceiptDraft
from shop.web import page_number

blueprint = Blueprint("payments", __name__)

PAGE_SIZE = 20


def _tell_surplus(order: Order) -> dict[str, object]:
    return {"surplus": queries.surplus(db.session, order)}


ORDER_PAGE_EXTRAS.append(_tell_surplus)


class ReceiptForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """One line of the bank's statement, typed by finance."""

    amount = StringField(_l("到账金额（元）"), [DataRequired(_l("请填写金额。"))])
    paid_on = DateField(_l("到账日期"), [DataRequired(_l("请填写日期，例如 2026-01-31。"))])
    payer = StringField(_l("付款户名"), [DataRequired(_l("请填写付款户名。")), Length(max=200)])
    reference = StringField(_l("附言/用途"), [Length(max=500)])
    order_number = StringField(_l("订单号"), [Optional(), Length(max=64)])
    late = HiddenField()
    """The day that was told to count in a later month: sent again, it is meant."""

    def validate_amount(self, field: StringField) -> None:
        """Refuse what is not an amount in yuan."""
        try:
            amount_fen = ledger.parse_yuan(field.data.strip())
        except ledger.LedgerError as error:
            raise ValidationError(gettext("请填写金额，例如 1280.50。")) from error
        if not 0 < amount_fen <= MAX_RECEIPT_FEN:
            raise ValidationError(gettext("金额应大于 0。"))

    def draft(self) -> ReceiptDraft:
        """Return what the service takes; only after the form is valid."""
        return ReceiptDraft(
            amount_fen=ledger.parse_yuan(self.amount.data.strip()),
            paid_on=self.paid_on.data,
            payer=self.payer.data.strip(),
            reference=(self.reference.data or "").strip(),
            order_number=(self.order_number.data or "").strip() or None,
        )


@blueprint.get("/finance/receipts")
@requires(Role.FINANCE, Role.AUDITOR)
def receipts() -> ResponseReturnValue:
    """List what arrived at the bank, with the form that records more."""
    if request.args.get("show") == "unallocated":
        return redirect(url_for("payments_desk.queue"))
    form = ReceiptForm(order_number=request.args.get("order"))
    form.paid_on.data = business_day()
    return _render(form)


@blueprint.get("/finance/receipts/<number>")
@requires(Role.FINANCE, Role.AUDITOR)
def receipt_page(number: str) -> ResponseReturnValue:
    """Show one receipt: the bank line as it was recorded, and where its money went."""
    return render_receipt(number)


@blueprint.post("/finance/receipts")
@requires(Role.FINANCE)
@idempotent
def record_receipt() -> ResponseReturnValue:
    """Record money seen at the bank."""
    form = ReceiptForm()
    if not form.validate():
        return _render(form), 422
    draft = form.draft()
    counts_on = ledger.counting_day(db.session, "cash", draft.paid_on)
    if counts_on != draft.paid_on and form.late.data != draft.paid_on.isoformat():
        form.late.data = draft.paid_on.isoformat()
        return _render(form, counts_on=counts_on), 422
    payee = current_app.config["SETTINGS"].payee
    try:
        with transaction() as session:
            receipt = service.record_bank_receipt(session, require_actor(), draft, payee=payee)
            order = receipt.order
            left_fen = receipt.unallocated_fen
    except InvalidInput as error:
        form.paid_on.errors = [item.message for item in error.errors]
        return _render(form), error.status
    if order is not None and receipt.allocated_fen:
        flash(gettext("已入账，订单 %(number)s 收款已登记。", number=order.number), "success")
    if left_fen:
        flash(
            gettext("%(left)s 元没有找到对应的应收，已记入待认领款项。", left=ledger.format_yuan(left_fen)), "warning"
        )
    return redirect(url_for("payments.receipts"))


def _render(form: ReceiptForm, *, counts_on: date | None = None) -> str:
    page = queries.receipts(db.session, page=page_number(), page_size=PAGE_SIZE)
    return render_template(
        "payments/receipts.html",
        form=form,
        counts_on=counts_on,
        page=page,
        may_record=require_actor().has(Role.FINANCE),
        unallocated_fen=ledger.balance(db.session, "liability:unallocated"),
        url_for_page=lambda n: url_for("payments.receipts", page=n),
    )
