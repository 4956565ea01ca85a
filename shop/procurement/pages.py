"""Acceptance and delivery as pages."""

from decimal import Decimal, InvalidOperation

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from shop.db import business_day, db, transaction
from shop.errors import FieldError, InvalidInput
from shop.identity.actor import require_actor, requires
from shop.identity.idempotency import idempotent
from shop.orders import queries as orders
from shop.orders.models import Order
from shop.procurement import delivery, service
from shop.procurement.rules import AcceptedLine

blueprint = Blueprint("procurement", __name__)

NOT_A_NUMBER = Decimal("NaN")


@blueprint.get("/orders/<number>/acceptance")
@requires()
def acceptance(number: str) -> ResponseReturnValue:
    """Ask for the accepted quantity of every line."""
    return _render(orders.order(db.session, require_actor(), number))


@blueprint.post("/orders/<number>/acceptance")
@requires()
@idempotent
def accept_goods(number: str) -> ResponseReturnValue:
    """Record the acceptance of the goods."""
    actor = require_actor()
    order = orders.order(db.session, actor, number)
    try:
        with transaction() as session:
            service.accept_goods(session, actor, number, _typed_lines(order), on=business_day())
    except InvalidInput as error:
        order = orders.order(db.session, actor, number)
        return _render(order, error.errors), error.status
    flash(gettext("验收已登记，金额按验收数量计算。"), "success")
    return redirect(url_for("orders.order_page", number=number))


@blueprint.post("/orders/<number>/delivery")
@requires()
@idempotent
def deliver(number: str) -> ResponseReturnValue:
    """Record that a private buyer has the goods as ordered."""
    with transaction() as session:
        delivery.deliver(session, require_actor(), number, on=business_day())
    flash(gettext("已确认收货。"), "success")
    return redirect(url_for("orders.order_page", number=number))


def _typed_lines(order: Order) -> list[AcceptedLine]:
    return [
        AcceptedLine(
            line_no=line.line_no,
            accepted_quantity=_decimal(request.form.get(f"accepted-{line.line_no}", "")),
            reason=request.form.get(f"reason-{line.line_no}"),
        )
        for line in order.lines
    ]


def _decimal(text: str) -> Decimal:
    """Return the number that was typed; NaN, which the rules refuse by name of its line, for anything else."""
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return NOT_A_NUMBER


def _render(order: Order, errors: tuple[FieldError, ...] = ()) -> str:
    marked: dict[int, tuple[str, str]] = {}
    for error in errors:
        _, _, rest = error.field.partition(".")
        index, _, field = rest.partition(".")
        if index.isdecimal():
            name = "reason" if field == "reason" else "accepted"
            marked[order.lines[int(index)].line_no] = (name, error.message)
    return render_template("procurement/acceptance.html", order=order, errors=marked, typed=request.form)
