"""What a visitor narrows and orders the list by, as conditions and terms of SQL."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from shop.catalogue import rules
from shop.catalogue.finding import spelling
from shop.catalogue.finding.matching import Condition, Wanted, Words, matching
from shop.catalogue.models import Product, Sku
from shop.db import business_day
from shop.registry.models import Region

Sort = Literal["relevance", "season", "price", "-price", "unit_price", "pinyin"]
SORTS: tuple[Sort, ...] = ("relevance", "season", "price", "-price", "unit_price", "pinyin")

Narrowing = Literal["category", "place", "month", "available", "gi"]
"""A filter of the list. Prefecture and county are one, the place."""

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
    gi: bool = False
    sort: Sort = "relevance"

    @property
    def is_filtered(self) -> bool:
        """Whether anything is left out of the list."""
        return replace(self, sort="relevance") != ProductFilters()


def found(wanted: Wanted) -> list[Condition]:
    """Return the conditions that a product is listed and is what a query asks for."""
    if wanted.is_blank:
        return [Product.is_listed]
    return [Product.is_listed, *(matching(wanted.terms) or [sa.false()])]


def narrowed(filters: ProductFilters) -> dict[Narrowing, list[Condition]]:
    """Return the conditions of the filters that are on, by filter."""
    conditions: dict[Narrowing, list[Condition]] = {}
    if filters.category:
        conditions["category"] = [Product.category_code == filters.category]
    if place := _placed(filters):
        conditions["place"] = place
    if filters.month is not None:
        conditions["month"] = [Product.season_months.contains([filters.month])]
    if filters.available:
        conditions["available"] = [has_stock()]
    if filters.gi:
        conditions["gi"] = [Product.gi.is_(True)]
    return conditions


def has_stock() -> ColumnElement[bool]:
    """Return whether any pack of a product can be bought."""
    return sa.exists().where(Sku.product_id == Product.id, Sku.stock > 0).correlate(Product)


def is_seasonal(month: int) -> ColumnElement[bool]:
    """Return whether a product is there in a month and not all the year."""
    every_month = sa.func.cardinality(Product.season_months) == rules.MONTHS
    return sa.and_(Product.season_months.contains([month]), ~every_month)


def order(filters: ProductFilters, wanted: Wanted) -> list[OrderTerm]:
    """Return the order of the list, without ties."""
    ties: list[OrderTerm] = [Product.sort_key, Product.id]
    match filters.sort:
        case "price":
            return [_cheapest(Sku.price_fen).asc().nulls_last(), *ties]
        case "-price":
            return [_cheapest(Sku.price_fen).desc().nulls_last(), *ties]
        case "unit_price":
            by_weight = sa.cast(Sku.price_fen, sa.Numeric) / Sku.weight_g
            return [_cheapest(by_weight).asc().nulls_last(), *ties]
        case "pinyin":
            return ties
        case "season":
            return [_months_to_wait(business_day().month), *ties]
    season = is_seasonal(business_day().month).desc()
    return [*_ranks(wanted.terms), has_stock().desc(), season, *ties]


def _placed(filters: ProductFilters) -> list[Condition]:
    conditions: list[Condition] = []
    if filters.county:
        conditions.append(Product.county_code == filters.county)
    if filters.prefecture:
        inside = sa.select(Region.code).where(
            sa.or_(Region.parent_code == filters.prefecture, Region.code == filters.prefecture)
        )
        conditions.append(Product.county_code.in_(inside))
    return conditions


def _cheapest(price: OrderTerm) -> ColumnElement[Any]:
    return sa.select(sa.func.min(price)).where(Sku.product_id == Product.id).correlate(Product).scalar_subquery()


def _months_to_wait(month: int) -> ColumnElement[Any]:
    """Return 0 for what has its season now, 1 for what is there all the year, more the longer one has to wait."""
    every = sa.func.unnest(Product.season_months).table_valued("month").render_derived()
    wait = sa.func.min((every.c.month - month + rules.MONTHS) % rules.MONTHS)
    soonest = sa.select(wait).select_from(every).scalar_subquery()
    return sa.case(
        (is_seasonal(month), 0),
        (sa.func.cardinality(Product.season_months) == rules.MONTHS, 1),
        else_=soonest + 1,
    )


def _ranks(terms: Words) -> list[OrderTerm]:
    """Order by how well a product answers: first the words as one, then by how many are whole words of it.

    The name that was typed, then one that begins with it, holds it, has it for a word; then its pinyin, likewise; and
    last what only has all the words somewhere.
    """
    if not terms:
        return []
    whole = "".join(terms)
    ranks = _ranks_by_name(whole, terms) if all(map(spelling.is_han, terms)) else _ranks_by_sound(whole, terms)
    loose = [sa.case((_has_word(term), 0), else_=1) for term in terms]
    loose += [sa.case((Product.name.contains(term), 0), else_=1) for term in terms if spelling.is_han(term)]
    return [ranks, sum(loose[1:], loose[0])]


def _ranks_by_name(whole: str, terms: Words) -> ColumnElement[int]:
    return sa.case(
        (Product.name == whole, 0),
        (Product.name.startswith(whole), 1),
        (Product.name.endswith(whole), 2),
        (Product.name.contains(whole), 3),
        (sa.and_(*(Product.name.contains(term) for term in terms)), 4),
        (_has_word(whole), 5),
        else_=6,
    )


def _ranks_by_sound(whole: str, terms: Words) -> ColumnElement[int]:
    pinyin = sa.func.replace(Product.sort_key, " ", "")
    initials = sa.func.regexp_replace(Product.sort_key, r"(\S)\S*\s*", r"\1", "g")
    return sa.case(
        (sa.or_(pinyin == whole, sa.func.lower(Product.name_en) == " ".join(terms)), 0),
        (initials == whole, 1),
        (pinyin.startswith(whole), 2),
        (initials.startswith(whole), 3),
        (pinyin.endswith(whole), 4),
        (_has_word(whole), 5),
        else_=6,
    )


def _has_word(word: str) -> ColumnElement[bool]:
    return Product.search_text.contains(f" {word} ")
