"""One item's shelf for an operator: correct it with a reason, see its history; and the list of what runs low."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, IntegerField, SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange

from shop.catalogue import service
from shop.catalogue.models import StockReason
from shop.catalogue.service import MAX_NOTE, MAX_STOCK, OPERATOR_REASONS, Correction, StockMoved
from shop.catalogue.stock import queries
from shop.db import db, transaction
from shop.errors import InvalidInput
from shop.identity.actor import require_actor, requires
from shop.identity.idempotency import idempotent
from shop.identity.models import Role
from shop.web import page_number

blueprint = Blueprint("stock", __name__)

PAGE_SIZE = 50

REASON_LABELS = {
    StockReason.ORDERED: (_l("下单占用"), "info"),
    StockReason.CANCELLED: (_l("取消退回"), "muted"),
    StockReason.EXPIRED: (_l("过期退回"), "muted"),
    StockReason.COUNTED: (_l("盘点"), "warning"),
    StockReason.RECEIVED: (_l("到货入库"), "success"),
    StockReason.DAMAGED: (_l("报损"), "danger"),
    StockReason.OTHER: (_l("其他"), "warning"),
}
_RANGE = NumberRange(0, MAX_STOCK, message=_l("请填写 0 到 10000000 之间的整数。"))


class CorrectionForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """How many packs are really there, and why the number was another."""

    stock = IntegerField(_l("更正后的库存"), [InputRequired(_l("请填写数量。")), _RANGE])
    seen_stock = HiddenField()
    reason = SelectField(
        _l("原因"),
        choices=[SelectChoice("", _l("请选择"))]
        + [SelectChoice(one.value, REASON_LABELS[one][0]) for one in OPERATOR_REASONS],
    )
    note = StringField(_l("说明"), [Length(max=MAX_NOTE)])

    @property
    def correction(self) -> Correction:
        """The reason that was given; the service refuses one that is none."""
        reason = self.reason.data if self.reason.data in set(StockReason) else StockReason.ORDERED
        return Correction(StockReason(reason), (self.note.data or "").strip())

    @property
    def seen(self) -> int | None:
        """The number that the page showed; None where the form does not say."""
        text = self.seen_stock.data or ""
        return int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_STOCK)) else None


class AlertForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """From how few packs on the item is on the list of what runs low."""

    low_stock_at = IntegerField(_l("低库存提醒线"), [InputRequired(_l("请填写数量。")), _RANGE])


@blueprint.get("/catalogue/low-stock")
@requires(Role.OPERATOR)
def low_stock() -> ResponseReturnValue:
    """List what runs low, the emptiest first."""
    page = queries.low_stock(db.session, page=page_number(), page_size=PAGE_SIZE)
    return render_template(
        "catalogue/low_stock.html", page=page, url_for_page=lambda n: url_for("stock.low_stock", page=n)
    )


@blueprint.get("/catalogue/stock/<sku_code>")
@requires(Role.OPERATOR)
def item(sku_code: str) -> ResponseReturnValue:
    """Show one item's shelf with its history."""
    return _render(sku_code)


@blueprint.post("/catalogue/stock/<sku_code>/corrections")
@requires(Role.OPERATOR)
@idempotent
def correct(sku_code: str) -> ResponseReturnValue:
    """Correct the number on the shelf, with a reason."""
    form = CorrectionForm()
    if not form.validate():
        return _render(sku_code, form=form), 422
    try:
        with transaction() as session:
            service.set_stock(
                session, require_actor(), sku_code, form.stock.data, seen=form.seen, correction=form.correction
            )
    except InvalidInput as refusal:
        for error in refusal.errors:
            form[error.field].errors = [error.message]
        return _render(sku_code, form=form), refusal.status
    except StockMoved as refusal:
        form.stock.errors = [refusal.told]
        form.seen_stock.raw_data = None
        form.seen_stock.data = None
        return _render(sku_code, form=form), refusal.status
    flash(gettext("库存已更正。"), "success")
    return redirect(url_for("stock.item", sku_code=sku_code))


@blueprint.post("/catalogue/stock/<sku_code>/alert")
@requires(Role.OPERATOR)
@idempotent
def set_alert(sku_code: str) -> ResponseReturnValue:
    """Set from how few packs on the item is on the list of what runs low."""
    form = AlertForm()
    if not form.validate():
        return _render(sku_code, alert=form), 422
    with transaction() as session:
        service.set_low_stock(session, require_actor(), sku_code, form.low_stock_at.data)
    flash(gettext("提醒线已保存。"), "success")
    return redirect(url_for("stock.item", sku_code=sku_code))


def _render(sku_code: str, *, form: CorrectionForm | None = None, alert: AlertForm | None = None) -> str:
    sku = queries.item(db.session, sku_code)
    if form is None:
        form = CorrectionForm(formdata=None)
        form.stock.data = sku.stock
    form.seen_stock.data = form.seen_stock.data or str(sku.stock)
    if alert is None:
        alert = AlertForm(formdata=None)
        alert.low_stock_at.data = sku.low_stock_at
    return render_template(
        "catalogue/stock_item.html",
        sku=sku,
        form=form,
        alert=alert,
        reasons=REASON_LABELS,
        page=queries.history(db.session, sku_code, page=page_number(), page_size=PAGE_SIZE),
        url_for_page=lambda n: url_for("stock.item", sku_code=sku_code, page=n),
    )
