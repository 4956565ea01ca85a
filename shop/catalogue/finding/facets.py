"""What each filter could be set to, and how many products that would show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from shop.catalogue import rules
from shop.catalogue.finding.filters import Narrowing, ProductFilters, found, has_stock, narrowed
from shop.catalogue.finding.matching import Wanted
from shop.catalogue.models import Product
from shop.registry.models import Category, Region

_NARROWINGS: tuple[Narrowing, ...] = ("category", "place", "month", "available", "gi")


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
    available: int
    gi: int
    without: Mapping[Narrowing, int]
    """How many products there would be with one filter off and the others as they are."""


def facets(session: Session, filters: ProductFilters, wanted: Wanted) -> Facets:
    """Return what each filter could be set to.

    A filter is counted as if it were off and the others as they are, so that it can be changed; prefecture and county
    are one filter here. Costs three queries.
    """
    counts = _counts(session, filters, wanted)
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
        prefectures=_by_prefecture([(one, counts.get(("place", one.code), 0)) for one in regions]),
        months={month: counts.get(("month", str(month)), 0) for month in range(1, rules.MONTHS + 1)},
        available=counts.get(("available", "true"), 0),
        gi=counts.get(("gi", "true"), 0),
        without={kind: counts.get((f"without {kind}", ""), 0) for kind in _NARROWINGS},
    )


def _counts(session: Session, filters: ProductFilters, wanted: Wanted) -> dict[tuple[str, str], int]:
    """Count by every filter's values in one query that looks at each product once; the keys are kind and code.

    Products that no filter tells apart are one row from there on: thousands are a few hundred.
    """
    conditions = narrowed(filters)
    passes = {kind: sa.and_(sa.true(), *conditions.get(kind, [])).label(f"passes_{kind}") for kind in _NARROWINGS}
    each = (
        sa.select(
            Product.category_code.label("category"),
            Product.county_code.label("place"),
            Product.season_months.label("months"),
            has_stock().label("available"),
            sa.func.coalesce(Product.gi, sa.false()).label("gi"),
            *passes.values(),
        )
        .where(*found(wanted))
        .subquery()
    )
    alike = sa.select(*each.c, sa.func.count().label("products")).group_by(*each.c).cte("alike")
    products = sa.cast(sa.func.coalesce(sa.func.sum(alike.c.products), 0), sa.BigInteger)
    every_month = sa.func.unnest(alike.c.months)
    codes: dict[Narrowing, Any] = {kind: alike.c[kind] for kind in _NARROWINGS if kind != "month"}
    codes["month"] = every_month
    parts: list[sa.Select[str, str, int]] = [
        sa.select(sa.literal("total"), sa.literal("").label("code"), sa.func.count()).where(Product.is_listed)
    ]
    for kind, code in codes.items():
        others = [alike.c[f"passes_{other}"] for other in _NARROWINGS if other != kind]
        group = sa.cast(code, sa.Text).label("code")
        counted = sa.select(sa.literal(str(kind)), group, products).select_from(alike)
        parts.append(counted.where(*others).group_by(sa.text("code")))
        whole = sa.select(sa.literal(f"without {kind}"), sa.literal(""), products).select_from(alike)
        parts.append(whole.where(*others))
    return {(kind, code): count for kind, code, count in session.execute(sa.union_all(*parts))}


def _by_prefecture(counties: Sequence[tuple[Region, int]]) -> list[PrefectureCount]:
    grouped: dict[str, list[tuple[Region, int]]] = {}
    for region, count in counties:
        grouped.setdefault(region.prefecture.code, []).append((region, count))
    return [
        PrefectureCount(members[0][0].prefecture, sum(count for _, count in members), members)
        for members in grouped.values()
    ]
