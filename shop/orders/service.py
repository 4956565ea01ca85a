"""Placing and cancelling an order."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session

import ledger
from shop.catalogue.models import Sku, StockReason
from shop.catalogue.stock import holds as stock
from shop.catalogue.stock.holds import Cause
from shop.db import business_day
from shop.errors import FieldError, InvalidInput, NotAllowed, ShopError
from shop.identity import audit
from shop.identity.actor import Actor
from shop.identity.models import Organisation, Role, User
from shop.orders import notices, queries, rules
from shop.orders.models import Order, OrderLine, OrderStatus, PaymentMethod
from shop.registry import queries as registry

NO_PARTNER = "none"
OWN_CHANNEL = "platform"


class PaymentMethodRefused(ShopError):
    """The buyer cannot pay in this way."""

    code = "payment-method-refused"
    title = lazy_gettext("不能使用这种付款方式")


class CreditExceeded(ShopError):
    """The order would take the organisation over its credit limit."""

    code = "credit-exceeded"
    title = lazy_gettext("超出挂账额度")


class BasketChanged(ShopError):
    """What the buyer saw at the checkout is no longer what the order comes to."""

    code = "basket-changed"
    title = lazy_gettext("商品或价格有变化")


class OrderNotCancellable(ShopError):
    """The order has gone too far to be cancelled."""

    code = "order-not-cancellable"
    title = lazy_gettext("订单已不能取消")


@dataclass(frozen=True)
class ShipTo:
    """Where the goods go."""

    name: str
    phone: str
    region_code: str
    address: str


@dataclass(frozen=True)
class OrderDraft:
    """What a buyer asks for. A line is (sku, quantity); an item may stand on several lines."""

    lines: tuple[tuple[str, int], ...]
    ship_to: ShipTo
    payment_method: PaymentMethod
    campaign: str | None = None


def place_order(
    session: Session, actor: Actor, draft: OrderDraft, *, at: datetime, pay_within: timedelta = rules.PAY_WITHIN
) -> Order:
    """Place an order: check who pays, hold the stock, fix price, origin and partner on its lines.

    Runs in the caller's database transaction. Locks the organisation (on account only), then the stock, in that order.
    An order that waits for money holds its stock for `pay_within`.

    Raises:
        InvalidInput: no lines, or a campaign that is not running.
        PaymentMethodRefused: the buyer cannot pay in this way.
        OutOfStock: an item has less than the lines want together.
        CreditExceeded: the organisation's limit does not cover it.
    """
    if not draft.lines:
        raise InvalidInput(errors=(FieldError("lines", gettext("购物篮是空的，请先选择商品。")),))
    placed_on = business_day(at)
    organisation = _paying_organisation(session, actor, draft.payment_method)
    partner_code = _credited_partner(session, actor, draft.campaign, on=placed_on)
    number = rules.new_number()
    cause = Cause(StockReason.ORDERED, number, actor.user_id)
    skus = stock.hold_stock(session, rules.demand(draft.lines), cause=cause)
    goods_fen = sum(skus[code].price_fen * quantity for code, quantity in draft.lines)
    order = Order(
        id=ledger.uuid7(),
        number=number,
        status=rules.first_status(draft.payment_method),
        pay_until=rules.pay_until(draft.payment_method, at=at, within=pay_within),
        payment_method=draft.payment_method,
        user_id=actor.user_id,
        user=session.get_one(User, actor.user_id),
        organisation=session.get_one(Organisation, actor.organisation_id) if actor.has(Role.CANTEEN) else None,
        partner_code=partner_code,
        channel_code=(actor.channel_code if actor.has(Role.CANTEEN) else None) or OWN_CHANNEL,
        goods_fen=goods_fen,
        freight_fen=rules.freight_fen(goods_fen, for_organisation=actor.has(Role.CANTEEN)),
        ship_name=draft.ship_to.name,
        ship_phone=draft.ship_to.phone,
        ship_region_code=draft.ship_to.region_code,
        ship_address=draft.ship_to.address,
        placed_at=at,
        placed_on=placed_on,
        shipments=[],
    )
    if organisation is not None:
        _check_credit(session, organisation, order.total_fen)
    paired = {
        county: _is_paired(session, order, county) for county in {sku.product.county_code for sku in skus.values()}
    }
    order.lines = [
        _line(skus[code], line_no=line_no, quantity=quantity, is_paired=paired[skus[code].product.county_code])
        for line_no, (code, quantity) in enumerate(draft.lines, start=1)
    ]
    session.add(order)
    audit.record(session, actor, action="order.place", subject=f"order:{order.number}", total_fen=order.total_fen)
    notices.tell(session, order)
    session.flush()  # so that a rule of the database speaks here, not at the commit
    return order


def check_agreed(order: Order, seen_total_fen: int | None) -> None:
    """Hold a buyer only to the total that the checkout showed.

    Raises:
        BasketChanged: another tab or device changed the basket, or a price changed meanwhile.
    """
    if order.total_fen != seen_total_fen:
        raise BasketChanged(gettext("请核对下面的商品和金额，确认后再提交。"))


def cancel_order(session: Session, actor: Actor, number: str) -> Order:
    """Cancel an order that is neither paid nor accepted, and give its stock back.

    Raises:
        NotFound: the actor sees no such order.
        NotAllowed: the actor sees it but did not place it.
        OrderNotCancellable: money or goods have moved.
    """
    order = queries.order(session, actor, number, for_update=True)
    if not is_buyer(actor, order):
        raise NotAllowed(gettext("只有下单的一方可以取消订单。"))
    if order.status is OrderStatus.CANCELLED:
        raise OrderNotCancellable(gettext("订单此前已经取消，无需重复操作。"))
    if not rules.may_cancel(order.status, paid_fen=order.paid_fen, has_left=bool(order.parcels)):
        raise OrderNotCancellable(gettext("订单已付款、已发货或已验收，请联系我们办理退货退款。"))
    give_up(session, order, Cause(StockReason.CANCELLED, order.number, actor.user_id))
    audit.record(session, actor, action="order.cancel", subject=f"order:{order.number}")
    return order


def give_up(session: Session, order: Order, cause: Cause) -> None:
    """Cancel a locked order whose lines are loaded and which may be cancelled, and give its stock back."""
    order.status, order.pay_until = OrderStatus.CANCELLED, None
    notices.tell(session, order)
    stock.return_stock(session, rules.demand((line.sku_code, line.quantity) for line in order.lines), cause=cause)


def _paying_organisation(session: Session, actor: Actor, method: PaymentMethod) -> Organisation | None:
    """Lock and return the organisation that an on-account order burdens; None for other methods."""
    if method is PaymentMethod.STRIPE:
        raise PaymentMethodRefused(gettext("在线支付尚未开通，请选择对公转账。"))
    if method is not PaymentMethod.ON_ACCOUNT:
        return None
    organisation = None
    if actor.organisation_id and actor.has(Role.CANTEEN):
        # What the session read of it before it had the lock may be stale.
        organisation = session.get(Organisation, actor.organisation_id, with_for_update=True, populate_existing=True)
    if organisation is None or not organisation.credit_limit_fen:
        raise PaymentMethodRefused(gettext("只有获得挂账额度的采购单位可以先货后款，请选择对公转账。"))
    return organisation


def _check_credit(session: Session, organisation: Organisation, total_fen: int) -> None:
    used_fen = credit_used_fen(session, organisation)
    if used_fen + total_fen > organisation.credit_limit_fen:
        raise CreditExceeded(
            gettext(
                "本单 %(total)s 元，可用额度 %(left)s 元。请减少商品、先结清账单或改用对公转账。",
                total=ledger.format_yuan(total_fen),
                left=ledger.format_yuan(organisation.credit_limit_fen - used_fen),
            )
        )


def credit_used_fen(session: Session, organisation: Organisation) -> int:
    """Return what the organisation owes for accepted goods and has on order on account."""
    # Before the balance: an order that is accepted in between then counts twice rather than not at all.
    on_order = session.scalar(
        sa.select(sa.func.sum(Order.goods_fen + Order.freight_fen)).where(
            Order.organisation_id == organisation.id, Order.status == OrderStatus.AWAITING_ACCEPTANCE
        )
    )
    return ledger.balance(session, f"asset:receivable:{organisation.code}") + int(on_order or 0)


def _credited_partner(session: Session, actor: Actor, campaign_code: str | None, *, on: date) -> str:
    """Return who is credited: the organisation's partner, else the campaign's, else nobody."""
    if actor.has(Role.CANTEEN):
        return actor.partner_code or NO_PARTNER
    if campaign_code is None:
        return NO_PARTNER
    campaign = registry.campaign(session, campaign_code, on=on)
    if campaign is None:
        raise InvalidInput(errors=(FieldError("campaign", gettext("活动链接无效或已结束。"), value=campaign_code),))
    return campaign.partner_code


def _is_paired(session: Session, order: Order, county_code: str) -> bool:
    return order.partner_code == NO_PARTNER or registry.is_paired(
        session, partner_code=order.partner_code, county_code=county_code, on=order.placed_on
    )


def _line(sku: Sku, *, line_no: int, quantity: int, is_paired: bool) -> OrderLine:
    product = sku.product
    return OrderLine(
        line_no=line_no,
        sku_code=sku.code,
        product_name=product.name,
        pack=sku.pack,
        unit=sku.unit,
        county_code=product.county_code,
        category_code=product.category_code,
        is_paired=is_paired,
        producer_code=product.producer.code,
        commission_bp=product.producer.commission_bp,
        quantity=quantity,
        unit_price_fen=sku.price_fen,
        amount_fen=sku.price_fen * quantity,
    )


def is_buyer(actor: Actor, order: Order) -> bool:
    """Tell whether `actor` buys for this order: its own, or its canteen's. Staff see orders but do not buy them."""
    if order.organisation_id is None:
        return order.user_id == actor.user_id
    return actor.has(Role.CANTEEN) and order.organisation_id == actor.organisation_id
