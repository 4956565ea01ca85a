"""Reading the shelves: what runs low, and what happened to one item."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from flask_babel import gettext
from sqlalchemy.orm import Session, joinedload, selectinload

from shop.catalogue.models import Product, Sku, StockMovement
from shop.db import Page, fetch_page
from shop.errors import NotFound
from shop.registry.models import Region

IS_LOW = sa.and_(Sku.stock <= Sku.low_stock_at, Sku.product.has(Product.is_listed))
"""The condition on items for sale of which few are left, each by its own measure."""


@dataclass(frozen=True)
class LowStock:
    """How many items for sale run low, and how many of them are gone."""

    items: int
    gone: int


def low_stock_count(session: Session) -> LowStock:
    """Count the items for sale that run low."""
    query = sa.select(sa.func.count(), sa.func.count().filter(Sku.stock == 0)).select_from(Sku).where(IS_LOW)
    return LowStock(*session.execute(query).one())


def low_stock(session: Session, *, page: int, page_size: int) -> Page[Sku]:
    """Return one page of the items for sale that run low, the emptiest first, with product and county."""
    product = joinedload(Sku.product, innerjoin=True)
    query = sa.select(Sku).where(IS_LOW).order_by(Sku.stock, Sku.code)
    return fetch_page(
        session,
        query.options(product.joinedload(Product.county, innerjoin=True).joinedload(Region.parent)),
        page=page,
        page_size=page_size,
    )


def item(session: Session, sku_code: str) -> Sku:
    """Return an item with its product.

    Raises:
        NotFound: there is none.
    """
    query = sa.select(Sku).where(Sku.code == sku_code).options(joinedload(Sku.product, innerjoin=True))
    found = session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound(gettext("没有这种规格。"))
    return found


def history(session: Session, sku_code: str, *, page: int, page_size: int) -> Page[StockMovement]:
    """Return one page of what changed the number of an item, latest first, each with who did it."""
    query = sa.select(StockMovement).where(StockMovement.sku_code == sku_code)
    query = query.options(selectinload(StockMovement.user)).order_by(StockMovement.id.desc())
    return fetch_page(session, query, page=page, page_size=page_size)


def broken_chain(session: Session) -> Sequence[str]:
    """Return the codes of items whose movements do not follow from each other, or whose last is not what is there."""
    before = sa.func.lag(StockMovement.stock_after).over(partition_by=StockMovement.sku_code, order_by=StockMovement.id)
    last = sa.func.lead(StockMovement.id).over(partition_by=StockMovement.sku_code, order_by=StockMovement.id)
    steps = sa.select(
        StockMovement.sku_code,
        (before + StockMovement.change != StockMovement.stock_after).label("is_broken"),
        last.is_(None).label("is_last"),
        StockMovement.stock_after,
    ).subquery()
    wrong = sa.or_(steps.c.is_broken, sa.and_(steps.c.is_last, steps.c.stock_after != Sku.stock))
    query = sa.select(Sku.code).join(steps, steps.c.sku_code == Sku.code).where(wrong).distinct()
    return session.scalars(query.order_by(Sku.code)).all()
