"""Reads of the catalogue: the list with its filters, one product, others of its county, the operator's list."""

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa
from flask_babel import gettext
from sqlalchemy.orm import Session, defer, joinedload, selectinload

from shop.catalogue import rules
from shop.catalogue.display.views import ProductView, product_view
from shop.catalogue.finding import filters as finding
from shop.catalogue.finding.filters import ProductFilters
from shop.catalogue.finding.matching import Condition, Wanted, matching, resolve
from shop.catalogue.models import Product
from shop.catalogue.search import terms
from shop.db import Page, business_day
from shop.errors import NotFound
from shop.registry.models import Region

RELATED = 4


def product_list(
    session: Session, filters: ProductFilters, page: int, page_size: int, wanted: Wanted | None = None
) -> Page[ProductView]:
    """Return one page of the listed products; beyond the last page it is empty.

    Costs three queries whatever the size of the page, and those of `matching.resolve` where `wanted`, its answer for
    the query, is not given.
    """
    wanted = wanted or resolve(session, filters.q)
    conditions = [*finding.found(wanted), *(one for every in finding.narrowed(filters).values() for one in every)]
    return _page(session, conditions, finding.order(filters, wanted), page=page, page_size=page_size)


def calendar(session: Session, filters: ProductFilters, page: int, page_size: int) -> Page[ProductView]:
    """Return one page of the listed products that are not there all the year, those of this month first."""
    conditions = [
        Product.is_listed,
        sa.func.cardinality(Product.season_months) < rules.MONTHS,
        *(one for every in finding.narrowed(filters).values() for one in every),
    ]
    order = finding.order(replace(filters, sort="season"), Wanted())
    return _page(session, conditions, order, page=page, page_size=page_size)


def product(session: Session, product_id: str) -> ProductView:
    """Return one listed product.

    Raises:
        NotFound: there is none, or it is not listed.
    """
    found = _views(session, sa.select(Product).where(Product.id == product_id, Product.is_listed))
    if not found:
        raise NotFound(gettext("没有这种商品，或者它已经下架。"))
    return found[0]


def related(session: Session, view: ProductView) -> list[ProductView]:
    """Return a few other listed products of the same county, those in stock first."""
    query = (
        sa.select(Product)
        .where(Product.county_code == view.county.code, Product.id != view.id, Product.is_listed)
        .order_by(finding.has_stock().desc(), Product.sort_key, Product.id)
        .limit(RELATED)
    )
    return _views(session, query)


def stock_list(session: Session, *, q: str, page: int, page_size: int) -> Page[ProductView]:
    """Return one page of all products, listed or not, for whoever keeps the stock."""
    conditions: list[Condition] = list(matching(terms(q)))
    if q.strip() and not conditions:
        # Nothing but signs that no name holds: that finds nothing, not everything.
        conditions = [sa.false()]
    return _page(session, conditions, [Product.id], page=page, page_size=page_size)


def _page(
    session: Session, conditions: Sequence[Condition], order: Sequence[finding.OrderTerm], *, page: int, page_size: int
) -> Page[ProductView]:
    """Return one page. Only the keys are sorted: whole products are wide, and but a few of them are shown."""
    keys = sa.select(Product.id, sa.func.count().over()).where(*conditions).order_by(*order)
    rows = session.execute(keys.limit(page_size).offset((page - 1) * page_size)).all()
    if not rows and page > 1:
        total = session.scalar(sa.select(sa.func.count()).select_from(Product).where(*conditions)) or 0
        return Page([], total, page, page_size)
    ids = [key for key, _ in rows]
    views = {view.id: view for view in _views(session, sa.select(Product).where(Product.id.in_(ids)))}
    return Page([views[key] for key in ids], rows[0][1] if rows else 0, page, page_size)


def _views(session: Session, query: sa.Select[Product]) -> list[ProductView]:
    whole = (
        joinedload(Product.category, innerjoin=True),
        joinedload(Product.county, innerjoin=True).joinedload(Region.parent),
        joinedload(Product.producer, innerjoin=True),
        selectinload(Product.skus),
        defer(Product.search_text, raiseload=True),
    )
    on = business_day()
    return [product_view(one, on=on) for one in session.scalars(query.options(*whole))]
