"""What the operator finds on the first page, each card from one query."""

from datetime import date, datetime, time, timedelta

import sqlalchemy as sa
from flask import url_for
from flask_babel import gettext
from sqlalchemy.orm import Session

from shop.assistance.imports.models import FINAL, SaleImport
from shop.assistance.models import Sale, SaleStatus
from shop.catalogue.models import Product, Sku
from shop.config import BUSINESS_TIMEZONE
from shop.finance.home.cards import Card, Group
from shop.identity.models import AuditEvent, Organisation
from shop.orders.models import Order, OrderStatus

LOW_STOCK = 20
"""Packs on the shelf; fewer are low."""

RECENT_DAYS = 30


def groups(session: Session, *, today: date) -> list[Group]:
    """Return the cards: orders to work on, shelves to fill, and who and what came in lately."""
    since = datetime.combine(today - timedelta(days=RECENT_DAYS), time(), BUSINESS_TIMEZONE)
    return [
        Group(gettext("订单"), _orders(session)),
        Group(gettext("库存"), _shelves(session)),
        Group(gettext("近 %(days)s 天新增", days=RECENT_DAYS), _newcomers(session, since=since)),
    ]


def _orders(session: Session) -> list[Card]:
    query = sa.select(Order.status, sa.func.count(), sa.func.sum(Order.goods_fen + Order.freight_fen))
    sums = {row[0]: (int(row[1]), int(row[2])) for row in session.execute(query.group_by(Order.status))}
    wanted = (
        (OrderStatus.PAID, gettext("已付款，待发货验收"), "warning"),
        (OrderStatus.AWAITING_ACCEPTANCE, gettext("先货后款，待发货验收"), "warning"),
        (OrderStatus.AWAITING_PAYMENT, gettext("等买方付款"), ""),
    )
    return [
        Card(
            label,
            url_for("orders.history", status=status.value),
            *sums.get(status, (0, 0)),
            tone=tone if status in sums else "",
        )
        for status, label, tone in wanted
    ]


def _shelves(session: Session) -> list[Card]:
    query = (
        sa.select(
            sa.func.count().filter(Sku.stock == 0),
            sa.func.count().filter(Sku.stock.between(1, LOW_STOCK - 1)),
        )
        .join(Product, Product.id == Sku.product_id)
        .where(Product.is_listed)
    )
    empty, low = session.execute(query).one()
    url = url_for("catalogue.stock")
    return [
        Card(gettext("已售罄"), url, int(empty), tone="danger" if empty else ""),
        Card(gettext("不足 %(packs)s 件", packs=LOW_STOCK), url, int(low), tone="warning" if low else ""),
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
