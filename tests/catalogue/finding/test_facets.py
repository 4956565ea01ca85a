"""What each filter could be set to: every count equals what the list then shows."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from shop.catalogue import queries
from shop.catalogue.finding.facets import facets
from shop.catalogue.finding.filters import ProductFilters
from shop.catalogue.finding.matching import resolve
from tests.catalogue.test_queries import count_queries, put_on_shelf

STATES = [
    ProductFilters(),
    ProductFilters(category="produce"),
    ProductFilters(month=11),
    ProductFilters(county="620503"),
    ProductFilters(prefecture="620500", category="produce", month=10),
    ProductFilters(available=True),
    ProductFilters(gi=True, available=True, month=3),
    ProductFilters(q="苹果"),
    ProductFilters(q="lanzou", category="produce"),
    ProductFilters(q="羊肉", prefecture="620300", month=1, gi=True),
    ProductFilters(q="天水的花牛苹果", available=True),
    ProductFilters(q="火龙果火龙果", category="craft"),
    ProductFilters(q="%"),
]


@pytest.fixture(autouse=True)
def _request_context(app: Flask, superuser: sa.Engine) -> Iterator[None]:
    """Give the views a request, for the addresses in them, and every third item a stock."""
    put_on_shelf(superuser, *(f"GS{number:03}-1" for number in range(1, 186, 3)))
    with app.test_request_context():
        yield


def count(session: Session, filters: ProductFilters) -> int:
    """Count by hand: walk the whole list, page by page."""
    seen: set[str] = set()
    page = 1
    while items := queries.product_list(session, filters, page, 100).items:
        seen |= {product.id for product in items}
        page += 1
    return len(seen)


@pytest.mark.parametrize("state", STATES, ids=repr)
def test_every_count_is_what_the_list_shows(session: Session, state: ProductFilters) -> None:
    found = facets(session, state, resolve(session, state.q))

    assert found.total == 181
    for category, number in found.categories:
        assert number == count(session, replace(state, category=category.code)), category.name
    for prefecture in found.prefectures:
        placed = replace(state, prefecture=prefecture.region.code, county="")
        assert prefecture.count == count(session, placed), prefecture.region.name
    for month, number in found.months.items():
        assert number == count(session, replace(state, month=month)), month
    assert found.available == count(session, replace(state, available=True))
    assert found.gi == count(session, replace(state, gi=True))


@pytest.mark.parametrize("state", STATES, ids=repr)
def test_counts_what_there_is_without_each_filter(session: Session, state: ProductFilters) -> None:
    without = facets(session, state, resolve(session, state.q)).without

    assert without == {
        "category": count(session, replace(state, category="")),
        "place": count(session, replace(state, prefecture="", county="")),
        "month": count(session, replace(state, month=None)),
        "available": count(session, replace(state, available=False)),
        "gi": count(session, replace(state, gi=False)),
    }


def test_counts_the_counties_of_a_prefecture(session: Session) -> None:
    found = facets(session, ProductFilters(category="forest"), resolve(session, ""))

    for prefecture in found.prefectures:
        for county, number in prefecture.counties:
            assert number == count(session, ProductFilters(category="forest", county=county.code)), county.name


@pytest.mark.parametrize("state", STATES, ids=repr)
def test_costs_three_queries(session: Session, state: ProductFilters) -> None:
    wanted = resolve(session, state.q)

    with count_queries(session) as statements:
        facets(session, state, wanted)

    assert len(statements) == 3
