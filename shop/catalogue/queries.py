"""Reads of the catalogue: the list with its filters, one product, what the filters could be set to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import sqlalchemy as sa
from flask_babel import gettext
from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload, selectinload

from shop.catalogue import rules, search
from shop.catalogue.display.views import ProductView, product_view
from shop.catalogue.models import Product, Sku
from shop.db import Page, business_day
from shop.errors import NotFound
from shop.registry.models import Category, Region

Sort = Literal["relevance", "pinyin", "price", "-price"]
SORTS: tuple[Sort, ...] = ("relevance", "pinyin", "price", "-price")
RELATED = 4

OrderTerm = ColumnElement[Any] | InstrumentedAttribute[Any]


@dataclass(frozen=True)
class ProductFilters:
    """What a visitor narrows the list by. Empty means all."""

    q: str = ""
    category: str = ""
    prefecture: str = ""
    county: str = ""
    month: int | None = None
    available: bool = False
    sort: Sort = "relevance"

    @property
    def is_filtered(self) -> bool:
        """Whether anything is left out of the list."""
        return replace(self, sort="relevance") != ProductFilters()


@dataclass(frozen=True)
class PrefectureCount:
    """A prefecture with products, how many they are, and its counties; itself where it has none."""

    region: Region
    count: int
    counties: list[tuple[Region, int]]


@dataclass(frozen=True)
class Facets:
    """What each filter could be set to, and how many products that would show with the other filters as they are."""

    total: int
    """All listed products, whatever the filters."""
    categories: list[tuple[Category, int]]
    prefectures: list[PrefectureCount]
    months: dict[int, int]


def product_list(session: Session, filters: ProductFilters, page: int, page_size: int) -> Page[ProductView]:
    """Return one page of the listed products; beyond the last page it is empty.

    Costs three queries; a search costs one more, or two where no product has all that was typed.
    """
    conditions = [Product.is_listed, *_narrowed(filters, _terms(session, filters.q))]
    total = session.scalar(sa.select(sa.func.count()).select_from(Product).where(*conditions)) or 0
    query = sa.select(Product).where(*conditions).order_by(*_order(filters))
    return Page(_views(session, query, page=page, page_size=page_size), total, page, page_size)


def product(session: Session, product_id: str) -> ProductView:
    """Return one listed product.

    Raises:
        NotFound: there is none, or it is not listed.
    """
    found = _views(session, sa.select(Product).where(Product.id == product_id, Product.is_listed), page=1, page_size=1)
    if not found:
        raise NotFound(gettext("没有这种商品，或者它已经下架。"))
    return found[0]


def related(session: Session, view: ProductView) -> list[ProductView]:
    """Return a few other listed products of the same county, those in stock first."""
    query = (
        sa.select(Product)
        .where(Product.county_code == view.county.code, Product.id != view.id, Product.is_listed)
        .order_by(_has_stock().desc(), Product.sort_key, Product.id)
    )
    return _views(session, query, page=1, page_size=RELATED)


def facets(session: Session, filters: ProductFilters) -> Facets:
    """Return what each filter could be set to.

    A filter is counted as if it were off and the others as they are, so that it can be changed; prefecture and county
    are one filter here. Costs three queries and, like `product_list`, one or two more for a search.
    """
    counts = _facet_counts(session, filters, _terms(session, filters.q))
    regions = session.scalars(
        sa.select(Region)
        .where(Region.code.in_(sa.select(Product.county_code).where(Product.is_listed)))
        .options(joinedload(Region.parent))
        .order_by(Region.code)
    ).all()
    categories = session.scalars(sa.select(Category).order_by(Category.position)).all()
    return Facets(
        total=counts.get(("total", ""), 0),
        categories=[(one, counts.get(("category", one.code), 0)) for one in categories],
        prefectures=_by_prefecture([(one, counts.get(("county", one.code), 0)) for one in regions]),
        months={month: counts.get(("month", str(month)), 0) for month in range(1, rules.MONTHS + 1)},
    )


def stock_list(session: Session, *, q: str, page: int, page_size: int) -> Page[ProductView]:
    """Return one page of all products, listed or not, for whoever keeps the stock."""
    conditions = _narrowed(ProductFilters(q=q), search.terms(q))
    total = session.scalar(sa.select(sa.func.count()).select_from(Product).where(*conditions)) or 0
    query = sa.select(Product).where(*conditions).order_by(Product.id)
    return Page(_views(session, query, page=page, page_size=page_size), total, page, page_size)


def _views(session: Session, query: sa.Select[Product], *, page: int, page_size: int) -> list[ProductView]:
    whole = (
        joinedload(Product.category, innerjoin=True),
        joinedload(Product.county, innerjoin=True).joinedload(Region.parent),
        joinedload(Product.producer, innerjoin=True),
        selectinload(Product.skus),
    )
    on = business_day()
    rows = session.scalars(query.options(*whole).limit(page_size).offset((page - 1) * page_size))
    return [product_view(one, on=on) for one in rows]


def _terms(session: Session, q: str) -> list[str]:
    """Return what to look for: the terms as typed, or those of their pieces that any product has at all.

    So 天水花牛苹果 finds the apple of 天水 whose name is 花牛苹果, and 甘甜 in front of it does no harm.
    """
    terms = search.terms(q)
    if not terms or session.scalar(sa.select(sa.exists().where(Product.is_listed, *_matching(terms)))):
        return terms
    pieces = search.pieces(terms)
    is_known = session.execute(
        sa.select(*(sa.exists().where(Product.is_listed, *_matching([piece])) for piece in pieces))
    ).one()
    return [piece for piece, known in zip(pieces, is_known, strict=True) if known] or terms


def _matching(terms: Sequence[str]) -> list[ColumnElement[bool]]:
    return [Product.search_text.like(search.pattern(term)) for term in terms]


def _narrowed(filters: ProductFilters, terms: Sequence[str], *, without: str = "") -> list[ColumnElement[bool]]:
    """Return the conditions of the filters, but for the one named by `without`: category, place or month."""
    conditions = _matching(terms)
    if filters.q.strip() and not terms:
        # Nothing but signs that no name holds: that finds nothing, not everything.
        conditions.append(sa.false())
    if filters.category and without != "category":
        conditions.append(Product.category_code == filters.category)
    if without != "place":
        conditions += _placed(filters)
    if filters.month is not None and without != "month":
        conditions.append(Product.season_months.contains([filters.month]))
    if filters.available:
        conditions.append(_has_stock())
    return conditions


def _placed(filters: ProductFilters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.county:
        conditions.append(Product.county_code == filters.county)
    if filters.prefecture:
        inside = sa.select(Region.code).where(
            sa.or_(Region.parent_code == filters.prefecture, Region.code == filters.prefecture)
        )
        conditions.append(Product.county_code.in_(inside))
    return conditions


def _has_stock() -> ColumnElement[bool]:
    return sa.exists().where(Sku.product_id == Product.id, Sku.stock > 0).correlate(Product)


def _order(filters: ProductFilters) -> list[OrderTerm]:
    ties: list[OrderTerm] = [Product.sort_key, Product.id]
    if filters.sort in {"price", "-price"}:
        cheapest = sa.select(sa.func.min(Sku.price_fen)).where(Sku.product_id == Product.id).correlate(Product)
        price = cheapest.scalar_subquery()
        return [(price.desc() if filters.sort == "-price" else price.asc()).nulls_last(), *ties]
    if filters.sort == "pinyin":
        return [*ties]
    every_month = sa.func.cardinality(Product.season_months) == rules.MONTHS
    is_seasonal = sa.and_(Product.season_months.contains([business_day().month]), ~every_month)
    return [*_rank(filters.q), _has_stock().desc(), is_seasonal.desc(), *ties]


def _rank(q: str) -> list[OrderTerm]:
    """Order by how well the name answers: it is what was typed, begins with it, holds it, or only other words do."""
    terms = search.terms(q)
    if not terms:
        return []
    typed = terms[0]
    return [
        sa.case(
            (Product.name == typed, 0),
            (Product.name.startswith(typed, autoescape=True), 1),
            (Product.name.contains(typed, autoescape=True), 2),
            (Product.search_text.contains(f" {typed} ", autoescape=True), 3),
            else_=4,
        )
    ]


def _facet_counts(session: Session, filters: ProductFilters, terms: Sequence[str]) -> dict[tuple[str, str], int]:
    """Count by every filter's values in one query; the keys are kind and code."""
    parts: tuple[tuple[str, Any, list[ColumnElement[bool]]], ...] = (
        ("total", sa.literal(""), []),
        ("category", Product.category_code, _narrowed(filters, terms, without="category")),
        ("county", Product.county_code, _narrowed(filters, terms, without="place")),
        ("month", sa.cast(sa.func.unnest(Product.season_months), sa.Text), _narrowed(filters, terms, without="month")),
    )
    rows = session.execute(
        sa.union_all(
            *(
                sa.select(sa.literal(kind), code.label("code"), sa.func.count())
                .select_from(Product)
                .where(Product.is_listed, *conditions)
                .group_by(sa.text("code"))
                for kind, code, conditions in parts
            )
        )
    )
    return {(kind, code): count for kind, code, count in rows}


def _by_prefecture(counties: Sequence[tuple[Region, int]]) -> list[PrefectureCount]:
    grouped: dict[str, list[tuple[Region, int]]] = {}
    for region, count in counties:
        grouped.setdefault(region.prefecture.code, []).append((region, count))
    return [
        PrefectureCount(members[0][0].prefecture, sum(count for _, count in members), members)
        for members in grouped.values()
    ]
