"""The product list's state: read from the address, written back into the addresses of its links."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from flask import url_for
from flask_babel import gettext

from shop.catalogue import rules, search
from shop.catalogue.display.labels import SORT_LABELS
from shop.catalogue.display.views import art_url
from shop.catalogue.finding.facets import Facets, PrefectureCount
from shop.catalogue.finding.filters import SORTS, Narrowing, ProductFilters
from shop.catalogue.finding.matching import Wanted
from shop.registry.models import Category, Region
from shop.web import localised

ENDPOINT = "catalogue.product_list"
_CODE = re.compile(r"[a-z0-9_]{1,32}")
_DEFAULTS = ProductFilters()
_YES = {"1", "true"}
_MONTHS = {str(month): month for month in range(1, rules.MONTHS + 1)}


@dataclass(frozen=True)
class Facet:
    """One value of a filter, with a link that sets it, or takes it off where it is set."""

    code: str
    name: str
    count: int
    is_selected: bool
    url: str
    art_url: str = ""
    children: tuple["Facet", ...] = ()


@dataclass(frozen=True)
class FacetLists:
    """Every filter's values for the page."""

    total: int
    categories: list[Facet]
    prefectures: list[Facet]
    months: list[Facet]
    available: int
    gi: int


@dataclass(frozen=True)
class Chip:
    """A filter that is on, with a link that takes it off, and how many products there are then; None is not counted."""

    label: str
    url: str
    count: int | None = None


def read_filters(args: Mapping[str, str]) -> tuple[ProductFilters, bool]:
    """Return the filters that the address asks for, and whether any part of it meant nothing and was left out."""
    month, sort = args.get("month", ""), args.get("sort", "")
    codes = {name: args.get(name, "") for name in ("category", "prefecture", "county")}
    understood = {name: code for name, code in codes.items() if _CODE.fullmatch(code)}
    known_sort = next((one for one in SORTS if one == sort), _DEFAULTS.sort)
    filters = ProductFilters(
        q=args.get("q", "").strip()[: search.MAX_QUERY_LENGTH],
        month=_MONTHS.get(month),
        available=args.get("available", "") in _YES,
        gi=args.get("gi", "") in _YES,
        sort=known_sort,
        **understood,
    )
    is_odd = any(codes[name] and name not in understood for name in codes)
    return filters, is_odd or (month not in _MONTHS and month != "") or sort not in {"", known_sort}


def without_unknown(filters: ProductFilters, facets: Facets) -> ProductFilters:
    """Return the filters without codes that no category and no place with products has."""
    categories = {category.code for category, _ in facets.categories}
    prefectures = {one.region.code for one in facets.prefectures}
    counties = {county.code for one in facets.prefectures for county, _ in one.counties}
    return replace(
        filters,
        category=filters.category if filters.category in categories else "",
        prefecture=filters.prefecture if filters.prefecture in prefectures else "",
        county=filters.county if filters.county in counties else "",
    )


def list_url(filters: ProductFilters, *, page: int = 1) -> str:
    """Return the address of a state of the list; what is at its default is left out."""
    values: dict[str, object] = {}
    for one in fields(filters):
        value = getattr(filters, one.name)
        if value != getattr(_DEFAULTS, one.name):
            values[one.name] = 1 if value is True else value
    if page > 1:
        values["page"] = page
    return url_for(ENDPOINT, **values)  # type: ignore[arg-type]  # mypy cannot see that they are query parameters


def facet_lists(filters: ProductFilters, facets: Facets) -> FacetLists:
    """Return every filter's values with names in the reader's language and links."""
    return FacetLists(
        total=facets.total,
        categories=[_category(filters, one, count) for one, count in facets.categories],
        prefectures=[_prefecture(filters, one) for one in facets.prefectures],
        months=[
            Facet(
                code=str(month),
                name=_month_name(month),
                count=count,
                is_selected=filters.month == month,
                url=list_url(replace(filters, month=None if filters.month == month else month)),
            )
            for month, count in facets.months.items()
        ],
        available=facets.available,
        gi=facets.gi,
    )


def sorts(filters: ProductFilters) -> list[Facet]:
    """Return the orders that the list can take."""
    return [
        Facet(one, str(SORT_LABELS[one]), 0, is_selected=filters.sort == one, url=list_url(replace(filters, sort=one)))
        for one in SORTS
    ]


def chips(filters: ProductFilters, lists: FacetLists, without: Mapping[Narrowing, int]) -> list[Chip]:
    """Return the filters that are on, in the order of the page, with what there would be without each."""
    counties = [county for one in lists.prefectures for county in one.children]
    on: list[tuple[Narrowing, Sequence[Facet]]] = [
        ("category", lists.categories),
        ("place", lists.prefectures),
        ("place", counties),
        ("month", lists.months),
    ]
    found = [Chip(f"“{filters.q}”", list_url(replace(filters, q="")))] if filters.q else []
    for kind, values in on:
        found += [Chip(one.name, one.url, without[kind]) for one in values if one.is_selected]
    if filters.available:
        found.append(Chip(gettext("只看有货"), list_url(replace(filters, available=False)), without["available"]))
    if filters.gi:
        found.append(Chip(gettext("地理标志"), list_url(replace(filters, gi=False)), without["gi"]))
    return found


def told(filters: ProductFilters, wanted: Wanted) -> str:
    """Return what the reader should know of how the words were read; empty where they were found as typed."""
    if wanted.is_other:
        return str(
            gettext(
                "没有与“%(typed)s”完全一致的商品，已按“%(meant)s”搜索。", typed=filters.q, meant=" ".join(wanted.terms)
            )
        )
    if wanted.left_out:
        return str(gettext("没有商品与“%(words)s”有关，已略去。", words=" ".join(wanted.left_out)))
    return ""


def single_words(filters: ProductFilters, wanted: Wanted) -> list[Chip]:
    """Return a search for each word alone, where no product has them all."""
    if wanted.is_known or len(wanted.typed) == 1:
        return []
    return [Chip(word, list_url(replace(_DEFAULTS, q=word, sort=filters.sort))) for word in wanted.typed]


def _category(filters: ProductFilters, category: Category, count: int) -> Facet:
    is_selected = filters.category == category.code
    return Facet(
        code=category.code,
        name=localised(category),
        count=count,
        is_selected=is_selected,
        url=list_url(replace(filters, category="" if is_selected else category.code)),
        art_url=art_url(category.art),
    )


def _prefecture(filters: ProductFilters, prefecture: PrefectureCount) -> Facet:
    code = prefecture.region.code
    is_selected = filters.prefecture == code
    return Facet(
        code=code,
        name=localised(prefecture.region),
        count=prefecture.count,
        is_selected=is_selected,
        url=list_url(replace(filters, prefecture="" if is_selected else code, county="")),
        children=_counties(filters, prefecture.counties),
    )


def _counties(filters: ProductFilters, counties: Sequence[tuple[Region, int]]) -> tuple[Facet, ...]:
    return tuple(
        Facet(
            code=county.code,
            name=localised(county),
            count=count,
            is_selected=filters.county == county.code,
            url=list_url(replace(filters, county="" if filters.county == county.code else county.code)),
        )
        for county, count in counties
    )


def _month_name(month: int) -> str:
    return str(gettext("%(month)s月", month=month))
