"""What waits to be shipped, as an operator's list; recording a parcel, and taking it back."""

from datetime import datetime, timedelta
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired, Length

from shop.db import business_day, db, transaction
from shop.errors import InvalidInput
from shop.identity.actor import require_actor, requires
from shop.identity.idempotency import idempotent
from shop.identity.models import Role
from shop.orders import queries as orders
from shop.orders.forms import PROVINCES
from shop.orders.models import Order
from shop.orders.pages import ORDER_PAGE_EXTRAS
from shop.orders.service import is_buyer
from shop.orders.shipping import queries, rules, service
from shop.orders.shipping.models import Carrier
from shop.orders.shipping.rules import MAX_REASON, MAX_TRACKING_NUMBER, Parcel
from shop.orders.shipping.service import AlreadyShipped, ShipmentSettled
from shop.orders.shipping.words import CARRIER_LABELS, standing
from shop.web import page_number

blueprint = Blueprint("shipping", __name__)

PAGE_SIZE = 20
ON_THEIR_WAY = "travelling"


class ParcelForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """What was handed to a carrier."""

    carrier = SelectField(
        _l("承运"),
        choices=[SelectChoice("", _l("请选择"))] + [SelectChoice(one.value, CARRIER_LABELS[one]) for one in Carrier],
        validators=[InputRequired(_l("请选择承运方。"))],
    )
    tracking_number = StringField(_l("运单号"), [Length(max=MAX_TRACKING_NUMBER + 20)])
    shipped_on = DateField(_l("发货日期"), [InputRequired(_l("请填写日期，例如 2026-01-31。"))])
    further = HiddenField()

    @property
    def parcel(self) -> Parcel:
        """What the form says; it has been validated."""
        is_further = bool(self.further.data)
        return Parcel(Carrier(self.carrier.data), self.tracking_number.data or "", self.shipped_on.data, is_further)


@blueprint.app_template_filter("standing")
def _standing(order: Order) -> tuple[LazyString, str]:
    return standing(order)


@blueprint.app_template_filter("carrier")
def _carrier(carrier: Carrier) -> LazyString:
    return CARRIER_LABELS[carrier]


def _tell_parcels(order: Order) -> dict[str, object]:
    """Tell an order's page what whoever reads it may do about its parcels."""
    actor = require_actor()
    is_operator = actor.has(Role.OPERATOR)
    within = timedelta(days=current_app.config["SETTINGS"].delivery_days)
    return {
        "may_ship": is_operator and order.status in rules.OPEN,
        "may_confirm": rules.may_confirm(order) and (is_operator or is_buyer(actor, order)),
        "confirms_at": rules.confirms_at(order, within=within),
        "max_reason": MAX_REASON,
    }


ORDER_PAGE_EXTRAS.append(_tell_parcels)


@blueprint.get("/operator/shipping")
@requires(Role.OPERATOR)
def board() -> ResponseReturnValue:
    """List the orders that wait to be shipped, or those on their way, the oldest first."""
    state = ON_THEIR_WAY if request.args.get("state") == ON_THEIR_WAY else None
    page = queries.open_orders(db.session, have_left=state is not None, page=page_number(), page_size=PAGE_SIZE)
    return render_template(
        "orders/shipping.html",
        page=page,
        state=state,
        standing=queries.standing(db.session),
        days_since=_days_since,
        provinces=dict(PROVINCES),
        url_for_page=lambda n: url_for("shipping.board", page=n, state=state),
    )


@blueprint.get("/orders/<number>/shipments")
@requires(Role.OPERATOR)
def parcel(number: str) -> ResponseReturnValue:
    """Ask what was handed to which carrier, beside what belongs into the parcel."""
    form = ParcelForm()
    form.shipped_on.data = business_day()
    return _render(number, form)


@blueprint.post("/orders/<number>/shipments")
@requires(Role.OPERATOR)
@idempotent
def ship_order(number: str) -> ResponseReturnValue:
    """Record a parcel, and go on to the next order that waits."""
    form = ParcelForm()
    if not form.validate():
        return _render(number, form), 422
    try:
        with transaction() as session:
            service.ship_order(session, require_actor(), number, form.parcel, today=business_day())
    except InvalidInput as refusal:
        for error in refusal.errors:
            form[error.field].errors = [error.message]
        return _render(number, form), refusal.status
    except AlreadyShipped as refusal:
        flash(refusal.told, "warning")
        return redirect(url_for("orders.order_page", number=number))
    flash(gettext("订单 %(number)s 已登记发货，买方会收到邮件。", number=number), "success")
    if form.parcel.is_further:
        return redirect(url_for("orders.order_page", number=number))
    return redirect(url_for("shipping.board"))


@blueprint.post("/orders/<number>/shipments/<uuid:shipment_id>/withdraw")
@requires(Role.OPERATOR)
@idempotent
def withdraw_shipment(number: str, shipment_id: UUID) -> ResponseReturnValue:
    """Take back a parcel that was recorded by mistake."""
    reason = request.form.get("reason", "")[:MAX_REASON]
    try:
        with transaction() as session:
            service.withdraw_shipment(session, require_actor(), number, shipment_id, reason=reason)
    except InvalidInput as refusal:
        flash(refusal.errors[0].message, "danger")
    except ShipmentSettled as refusal:
        flash(refusal.told, "warning")
    else:
        flash(gettext("发货记录已撤回，买方会收到邮件。"), "success")
    return redirect(url_for("orders.order_page", number=number))


def _render(number: str, form: ParcelForm) -> str:
    order = orders.order(db.session, require_actor(), number)
    service.check_shippable(order)
    form.further.data = "1" if form.further.data or (order.parcels and not form.is_submitted()) else ""
    province = dict(PROVINCES).get(order.ship_region_code, "")
    return render_template("orders/ship.html", order=order, form=form, province=province)


def _days_since(instant: datetime) -> int:
    return (business_day() - business_day(instant)).days
