"""What the operator finds on the first page, each card from one query."""

from datetime import date, datetime, time, timedelta

import sqlalchemy as sa
from flask import url_for
from flask_babel import gettext
from sqlalchemy.orm import Session

from shop.assistance.imports.models import FINAL, SaleImport
from shop.assistance.models import Sale, SaleStatus
from shop.catalogue.stock import queries as stock
from shop.config import BUSINESS_TIMEZONE
from shop.db import business_day
from shop.finance.home.cards import Card, Group
from shop.identity.models import AuditEvent, Organisation
from shop.orders.models import Order, OrderStatus
from shop.orders.shipping import queries as shipping

RECENT_DAYS = 30


def groups(session: Session, *, today: date) -> list[Group]:
    """Return the cards: orders to work on, shelves to fill, and who and what came in lately."""
    since = datetime.combine(today - timedelta(days=RECENT_DAYS), time(), BUSINESS_TIMEZONE)
    return [
        Group(gettext("订单"), _orders(session, today=today)),
        Group(gettext("库存"), _shelves(session)),
        Group(gettext("近 %(days)s 天新增", days=RECENT_DAYS), _newcomers(session, since=since)),
    ]


def _orders(session: Session, *, today: date) -> list[Card]:
    found = shipping.standing(session)
    days = (today - business_day(found.oldest_at)).days if found.oldest_at else 0
    unpaid = session.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(Order.goods_fen + Order.freight_fen), 0)).where(
            Order.status == OrderStatus.AWAITING_PAYMENT
        )
    ).one()
    return [
        Card(
            gettext("待发货"),
            url_for("shipping.board"),
            found.waiting,
            found.waiting_fen,
            note=gettext("最早的已等 %(days)s 天", days=days) if days else "",
            tone="warning" if found.waiting else "",
        ),
        Card(
            gettext("已发货，待收货或验收"),
            url_for("shipping.board", state="travelling"),
            found.travelling,
            found.travelling_fen,
        ),
        Card(
            gettext("等买方付款"),
            url_for("orders.history", status=OrderStatus.AWAITING_PAYMENT.value),
            int(unpaid[0]),
            int(unpaid[1]),
        ),
    ]


def _shelves(session: Session) -> list[Card]:
    low, url = stock.low_stock_count(session), url_for("stock.low_stock")
    return [
        Card(gettext("低库存"), url, low.items, tone="warning" if low.items else ""),
        Card(gettext("其中已售罄"), url, low.gone, tone="danger" if low.gone else ""),
    ]


def _newcomers(session: Session, *, since: datetime) -> list[Card]:
    made = sa.select(sa.literal("organisation:") + Organisation.code)
    organisations = sa.select(sa.func.count()).where(
        AuditEvent.action == "organisation.created", AuditEvent.at >= since, AuditEvent.subject.in_(made)
    )
    sales = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(Sale.amount_fen), 0)).where(
        Sale.status == SaleStatus.REPORTED
    )
    imports = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(SaleImport.rejected), 0)).where(
        SaleImport.status.in_(FINAL), SaleImport.rejected > 0, SaleImport.created_at >= since
    )
    waiting, amount_fen = session.execute(sales).one()
    sheets, rejected = session.execute(imports).one()
    return [
        Card(gettext("新机构"), url_for("organisations.organisations"), int(session.scalar(organisations) or 0)),
        Card(
            gettext("待审核的站外销售"),
            url_for("assistance.sale_list", status=SaleStatus.REPORTED.value),
            int(waiting),
            int(amount_fen),
        ),
        Card(
            gettext("有退回行的导入表"),
            url_for("sale_imports.import_list"),
            int(sheets),
            note=gettext("共退回 %(rows)s 行", rows=int(rejected)) if rejected else "",
            tone="warning" if sheets else "",
        ),
    ]
