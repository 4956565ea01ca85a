"""What finance types to move money of a receipt."""

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, StringField, ValidationError
from wtforms.validators import DataRequired, Length, Optional

import ledger
from shop.payments.moves import Refund

MAX_FEN = 10**13


class _AmountForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    def validate_amount(self, field: StringField) -> None:
        """Refuse what is not an amount in yuan."""
        try:
            amount_fen = ledger.parse_yuan((field.data or "").strip())
        except ledger.LedgerError as error:
            raise ValidationError(gettext("请填写金额，例如 1280.50。")) from error
        if not 0 < amount_fen <= MAX_FEN:
            raise ValidationError(gettext("金额应大于 0。"))

    @property
    def amount_fen(self) -> int | None:
        """The amount; only after the form is valid."""
        text = (self.amount.data or "").strip()
        return ledger.parse_yuan(text) if text else None


class PlaceForm(_AmountForm):
    """On which order waiting money belongs; an empty amount is as much as both allow."""

    order_number = StringField(_l("订单号"), [DataRequired(_l("请填写订单号。")), Length(max=64)])
    amount = StringField(_l("金额（元）"), [Optional()])


class RefundForm(_AmountForm):
    """Money that went back to the payer."""

    # An id of its own: the other form stands on the same page.
    amount = StringField(_l("退款金额（元）"), id="refund_amount", validators=[DataRequired(_l("请填写金额。"))])
    refunded_on = DateField(_l("退款日期"), [DataRequired(_l("请填写日期，例如 2026-01-31。"))])
    bank_reference = StringField(
        _l("银行流水号"), [DataRequired(_l("请填写银行流水号，便于日后核对。")), Length(max=100)]
    )
    reason = StringField(_l("退款原因"), [Length(max=200)])

    def draft(self) -> Refund:
        """Return what the service takes; only after the form is valid."""
        return Refund(
            amount_fen=self.amount_fen or 0,
            refunded_on=self.refunded_on.data,
            bank_reference=self.bank_reference.data.strip(),
            reason=(self.reason.data or "").strip(),
        )


class UndoForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Why a move is undone."""

    reason = StringField(_l("撤销原因"), [DataRequired(_l("请填写原因。")), Length(max=200)])
