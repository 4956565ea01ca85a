"""Basket, checkout and orders as pages."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID, uuid4

from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import user_logged_in
from wtforms.fields import SelectChoice

from shop.catalogue.display.views import image_url
from shop.db import business_day, db, now, transaction
from shop.errors import ShopError
from shop.identity.actor import Actor, current_actor, require_actor, requires
from shop.identity.idempotency import idempotent
from shop.identity.models import Organisation, Role, User
from shop.identity.pages import own_path
from shop.orders import basket, queries, rules, service
from shop.orders.addresses import service as address_book
from shop.orders.forms import METHOD_LABELS, PROVINCES, STATUS_LABELS, CheckoutForm
from shop.orders.models import Order, OrderStatus, PaymentMethod
from shop.orders.service import OrderDraft, ShipTo
from shop.registry import queries as registry
from shop.web import page_number

blueprint = Blueprint("orders", __name__)

PAGE_SIZE = 10

ORDER_PAGE_EXTRAS: list[Callable[[Order], dict[str, object]]] = []
"""What capabilities above this one tell an order's page, by the names that its template knows."""


def _owner() -> UUID | None:
    """Return whose basket this request is about; None for a visitor who chose nothing yet."""
    actor = current_actor()
    if actor is not None:
        return actor.user_id
    return UUID(session["visitor"]) if "visitor" in session else None


@blueprint.app_context_processor
def basket_count() -> dict[str, object]:
    """Give every page the number of items in the basket."""
    owner = _owner()
    return {"basket_count": basket.count(db.session, owner) if owner else 0}


@user_logged_in.connect  # type: ignore[untyped-decorator]  # flask-login ships no types
def _merge_basket(_app: Flask, user: User, **_: object) -> None:
    visitor = session.pop("visitor", None)
    if visitor is not None:
        with transaction() as database:
            basket.merge(database, visitor=UUID(visitor), user=user.id)


@blueprint.get("/basket", endpoint="basket")
def basket_page() -> ResponseReturnValue:
    """Show what is in the basket."""
    owner = _owner()
    lines = basket.load(db.session, owner) if owner else basket.Basket([])
    return render_template("orders/basket.html", basket=lines, image_of=image_url, max_quantity=rules.MAX_QUANTITY)


@blueprint.post("/basket/lines")
def add_to_basket() -> ResponseReturnValue:
    """Put an item into the basket and lead back to its card in the list that it was chosen from, else to the basket."""
    target = request.form.get("next", "")
    sku_code = request.form.get("sku", "")
    quantity = _quantity(at_least=1)
    if quantity is None:
        flash(gettext("数量应为 1 到 %(most)s 的整数。", most=rules.MAX_QUANTITY), "danger")
    else:
        owner = _owner()
        if owner is None:
            owner = uuid4()
            session["visitor"] = str(owner)
        with transaction() as database:
            basket.add(database, owner, sku_code=sku_code, quantity=quantity)
        flash(gettext("已加入购物篮。"), "success")
    return redirect(f"{own_path(target)}#item-{quote(sku_code)}" if target else url_for("orders.basket"))


@blueprint.post("/basket/lines/<sku_code>")
def change_basket(sku_code: str) -> ResponseReturnValue:
    """Change the quantity of a line, or remove it with the remove button; go on to where the buyer was going."""
    quantity = 0 if "remove" in request.form else _quantity(at_least=0)
    owner = _owner()
    if quantity is None:
        flash(gettext("数量应为 1 到 %(most)s 的整数。", most=rules.MAX_QUANTITY), "danger")
    elif owner is not None:
        with transaction() as database:
            basket.set_quantity(database, owner, sku_code=sku_code, quantity=quantity)
    target = request.form.get("next", "") if quantity is not None else ""
    return redirect(own_path(target) if target else url_for("orders.basket"))


@blueprint.get("/checkout")
@requires()
def checkout() -> ResponseReturnValue:
    """Ask where the goods go and how they are paid."""
    actor = require_actor()
    lines = basket.load(db.session, actor.user_id)
    if not lines.lines:
        return redirect(url_for("orders.basket"))
    form = _checkout_form(actor)
    if not form.is_submitted():
        _prefill(form, actor)
    return _render_checkout(actor, lines, form)


@blueprint.post("/checkout")
@requires()
@idempotent
def place_order() -> ResponseReturnValue:
    """Place the order for what the basket holds."""
    actor = require_actor()
    form = _checkout_form(actor)
    if not form.validate():
        return _render_checkout(actor, basket.load(db.session, actor.user_id), form), 422
    try:
        with transaction() as database:
            draft = OrderDraft(
                lines=basket.take(database, actor.user_id),
                ship_to=ShipTo(form.name.data, form.phone.data, form.region_code.data, form.address.data),
                payment_method=PaymentMethod(form.payment_method.data),
                campaign=session.get("campaign") if not actor.has(Role.CANTEEN) else None,
            )
            pay_within = timedelta(hours=current_app.config["SETTINGS"].payment_hours)
            order = service.place_order(database, actor, draft, at=now(), pay_within=pay_within)
            service.check_agreed(order, form.total_fen.data)
            if form.save_address.data:
                address_book.save(database, actor, draft.ship_to, as_default=False)
    except ShopError as error:
        flash(gettext("%(title)s：%(what)s", title=error.title, what=error.told), "danger")
        lines = basket.load(db.session, actor.user_id)
        return _render_checkout(actor, lines, form), error.status
    flash(gettext("订单已提交。"), "success")
    return redirect(url_for("orders.order_page", number=order.number))


@blueprint.get("/orders")
@requires()
def history() -> ResponseReturnValue:
    """List the actor's orders."""
    status = request.args.get("status", "")
    chosen = OrderStatus(status) if status in set(OrderStatus) else None
    page = queries.history(
        db.session,
        require_actor(),
        page=page_number(),
        page_size=PAGE_SIZE,
        status=chosen,
    )
    return render_template(
        "orders/history.html",
        page=page,
        status=chosen,
        labels=STATUS_LABELS,
        url_for_page=lambda n: url_for("orders.history", page=n, status=status or None),
    )


@blueprint.get("/orders/<number>")
@requires()
def order_page(number: str) -> ResponseReturnValue:
    """Show one order: where it stands, what to do next, its lines and money."""
    actor = require_actor()
    order = queries.order(db.session, actor, number)
    is_buyer = service.is_buyer(actor, order)
    extras = {name: value for tell in ORDER_PAGE_EXTRAS for name, value in tell(order).items()}
    return render_template(
        "orders/order.html",
        order=order,
        labels=STATUS_LABELS,
        methods=METHOD_LABELS,
        names=registry.names(db.session),
        province=dict(PROVINCES).get(order.ship_region_code, ""),
        due=rules.transfer_due(order, current_app.config["SETTINGS"].payee),
        may_read_ledger=actor.has(Role.FINANCE, Role.AUDITOR),
        may_repeat=is_buyer,
        may_cancel=is_buyer and rules.may_cancel(order.status, paid_fen=order.paid_fen),
        may_accept=is_buyer and rules.may_become(order.status, OrderStatus.ACCEPTED),
        **extras,
    )


@blueprint.get("/c/<code>")
def campaign(code: str) -> ResponseReturnValue:
    """Remember by which partner's link a visitor came, and show the shop."""
    found = registry.campaign(db.session, code, on=business_day())
    if found is None:
        flash(gettext("这个活动链接无效或已结束，您仍可正常选购。"), "warning")
    else:
        session["campaign"] = found.code
        flash(gettext("您的个人订单将计入“%(name)s”。", name=found.name), "success")
    return redirect(url_for("catalogue.product_list"))


@blueprint.post("/orders/<number>/cancel")
@requires()
def cancel_order(number: str) -> ResponseReturnValue:
    """Cancel an order."""
    with transaction() as database:
        service.cancel_order(database, require_actor(), number)
    flash(gettext("订单已取消，库存已退回。"), "success")
    return redirect(url_for("orders.order_page", number=number))


@blueprint.post("/orders/<number>/again")
@requires()
@idempotent
def order_again(number: str) -> ResponseReturnValue:
    """Put what an order held into the reader's basket, to be looked over and ordered once more."""
    actor = require_actor()
    with transaction() as database:
        order = queries.order(database, actor, number)
        held = rules.demand((line.sku_code, line.quantity) for line in order.lines)
        left_out = basket.add_again(database, actor.user_id, held)
    if left_out:
        flash(gettext("有 %(n)s 种商品已下架，没有加入购物篮。", n=left_out), "warning")
    else:
        flash(gettext("已把这一单的商品加入购物篮，数量可以再改。"), "success")
    return redirect(url_for("orders.basket"))


def _checkout_form(actor: Actor) -> CheckoutForm:
    form = CheckoutForm()
    methods = [PaymentMethod.BANK_TRANSFER]
    if actor.has(Role.CANTEEN) and _organisation(actor).credit_limit_fen:
        methods.insert(0, PaymentMethod.ON_ACCOUNT)
    form.payment_method.choices = [SelectChoice(method.value, METHOD_LABELS[method]) for method in methods]
    if not form.payment_method.data:
        form.payment_method.data = methods[0].value
    return form


def _organisation(actor: Actor) -> Organisation:
    organisation = db.session.get(Organisation, actor.organisation_id)
    if organisation is None:
        message = f"organisation {actor.organisation_id} of a signed-in actor is gone"
        raise LookupError(message)
    return organisation


def _prefill(form: CheckoutForm, actor: Actor) -> None:
    """Spare a returning buyer the typing: the address chosen, the default, else where the last order went."""
    saved = address_book.chosen(db.session, actor, request.args.get("address", ""))
    if saved is not None:
        form.name.data, form.phone.data = saved.recipient, saved.phone
        form.region_code.data, form.address.data = saved.region_code, saved.address
        return
    for last in queries.history(db.session, actor, page=1, page_size=1).items:
        form.name.data, form.phone.data = last.ship_name, last.ship_phone
        form.region_code.data, form.address.data = last.ship_region_code, last.ship_address


def _render_checkout(actor: Actor, lines: basket.Basket, form: CheckoutForm) -> str:
    organisation = _organisation(actor) if actor.has(Role.CANTEEN) else None
    freight_fen = rules.freight_fen(lines.goods_fen, for_organisation=organisation is not None)
    form.total_fen.data = lines.goods_fen + freight_fen
    # What was submitted gives way to what is shown now.
    form.total_fen.raw_data = None
    return render_template(
        "orders/checkout.html",
        basket=lines,
        form=form,
        freight_fen=freight_fen,
        free_freight_from_fen=rules.FREE_FREIGHT_FROM_FEN,
        organisation=organisation,
        addresses=address_book.addresses(db.session, actor),
        provinces=dict(PROVINCES),
        credit_left_fen=organisation.credit_limit_fen - service.credit_used_fen(db.session, organisation)
        if organisation
        else 0,
    )


def _quantity(*, at_least: int) -> int | None:
    """Return the quantity that was typed; None when it is not a whole number in range."""
    text = request.form.get("quantity", "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(rules.MAX_QUANTITY))):
        return None
    return int(text) if int(text) >= at_least else None
