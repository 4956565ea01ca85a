"""Ways into the catalogue besides its list: a category, a place, the season calendar, suggestions while typing."""

from dataclasses import dataclass, replace

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from shop.catalogue import queries, rules, search
from shop.catalogue.display import listing
from shop.catalogue.display.views import ProductView
from shop.catalogue.finding.facets import Facets, PrefectureCount, facets
from shop.catalogue.finding.filters import ProductFilters
from shop.catalogue.finding.matching import Wanted
from shop.catalogue.finding.suggestions import suggest
from shop.db import Page, business_day, db
from shop.errors import NotFound
from shop.identity.setup import limiter
from shop.registry.models import Region
from shop.visitors import same_for_visitors
from shop.web import page_number

blueprint = Blueprint("browse", __name__)

SHOWN = 24
CALENDAR_PAGE_SIZE = 60
SUGGESTIONS_RATE = "600 per minute"
"""Per address, behind which a whole school may sit. Who exceeds it can still search."""
_SUGGESTIONS_SECONDS = 60
_PREFECTURE_END = "00"
"""How GB/T 2260 ends the code of what is no county."""


@dataclass(frozen=True)
class _Shelf:
    """Goods of one category or place: what has its season now, then the rest."""

    page: Page[ProductView]
    filters: ProductFilters
    counts: Facets

    @property
    def in_season(self) -> list[ProductView]:
        """Those that are there now and not all the year."""
        return [one for one in self.page.items if one.is_seasonal_now]

    @property
    def others(self) -> list[ProductView]:
        """The rest of those that are shown."""
        return [one for one in self.page.items if not one.is_seasonal_now]

    @property
    def is_whole(self) -> bool:
        """Whether all of them are shown, so that they can be counted."""
        return len(self.page.items) == self.page.total

    @property
    def lists(self) -> listing.FacetLists:
        """Every filter's values with links, as on the list."""
        return listing.facet_lists(replace(self.filters, sort="relevance"), self.counts)

    @property
    def list_url(self) -> str:
        """The address of the list that shows all of them."""
        return listing.list_url(replace(self.filters, sort="relevance"))


@blueprint.get("/categories/<code>")
@same_for_visitors
def category(code: str) -> ResponseReturnValue:
    """Show one category: what is in season now, where it comes from, the goods."""
    shelf = _shelf(ProductFilters(category=code, sort="season"))
    found = next((one for one, count in shelf.counts.categories if one.code == code and count), None)
    if found is None:
        raise NotFound(gettext("没有这个类别的商品。"))
    return render_template("catalogue/category.html", category=found, shelf=shelf, month=business_day().month)


@blueprint.get("/places/<code>")
@same_for_visitors
def place(code: str) -> ResponseReturnValue:
    """Show one prefecture or county: what is in season now, what grows here, where it lies."""
    is_county = not code.endswith(_PREFECTURE_END)
    shelf = _shelf(
        ProductFilters(county=code if is_county else "", prefecture="" if is_county else code, sort="season")
    )
    prefecture, region = _find(shelf.counts.prefectures, code)
    return render_template(
        "catalogue/place.html",
        region=region,
        prefecture=prefecture.region,
        neighbours=[one for one in prefecture.counties if one[0].code != code],
        shelf=shelf,
        month=business_day().month,
    )


@blueprint.get("/calendar")
@same_for_visitors
def calendar() -> ResponseReturnValue:
    """Show which goods have their season when, those of this month first."""
    asked, _ = listing.read_filters(request.args)
    counts = facets(db.session, replace(ProductFilters(), category=asked.category), Wanted())
    filters = listing.without_unknown(ProductFilters(category=asked.category, prefecture=asked.prefecture), counts)
    page = queries.calendar(db.session, filters, page_number(), CALENDAR_PAGE_SIZE)

    def url_of(*, category: str = filters.category, prefecture: str = filters.prefecture, page: int = 1) -> str:
        return url_for(
            "browse.calendar", category=category or None, prefecture=prefecture or None, page=page if page > 1 else None
        )

    if page.page > page.pages:
        return redirect(url_of(page=page.pages))
    return render_template(
        "catalogue/calendar.html",
        page=page,
        filters=filters,
        lists=listing.facet_lists(filters, counts),
        month=business_day().month,
        months=range(1, rules.MONTHS + 1),
        url_of=url_of,
        url_for_page=lambda number: url_of(page=number),
    )


@blueprint.get("/suggestions")
@limiter.limit(SUGGESTIONS_RATE)
def suggestions() -> Response:
    """Offer goods and places for what has been typed so far, as the options of a list."""
    answer = make_response(_suggestions())
    # The browser asks the same again with every letter that is taken back.
    answer.headers["Cache-Control"] = f"private, max-age={_SUGGESTIONS_SECONDS}"
    return answer


@same_for_visitors
def _suggestions() -> str:
    q = request.args.get("q", "").strip()[: search.MAX_QUERY_LENGTH]
    found = suggest(db.session, q)
    filters = ProductFilters(q=q)
    return render_template(
        "catalogue/_suggestions.html",
        found=found,
        q=q,
        told=listing.told(filters, found.wanted),
        all_url=listing.list_url(filters),
    )


def _shelf(filters: ProductFilters) -> _Shelf:
    counts = facets(db.session, filters, Wanted())
    return _Shelf(queries.product_list(db.session, filters, 1, SHOWN, Wanted()), filters, counts)


def _find(prefectures: list[PrefectureCount], code: str) -> tuple[PrefectureCount, Region]:
    for prefecture in prefectures:
        if prefecture.region.code == code:
            return prefecture, prefecture.region
        for county, _ in prefecture.counties:
            if county.code == code:
                return prefecture, county
    raise NotFound(gettext("这里还没有上架的商品。"))
