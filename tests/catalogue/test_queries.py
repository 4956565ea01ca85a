"""The product list: search, filters, order, paging, and how many queries it costs."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from shop.catalogue import queries
from shop.catalogue.finding.facets import Facets, facets
from shop.catalogue.finding.filters import ProductFilters
from shop.catalogue.finding.matching import resolve
from shop.catalogue.models import Product, Sku
from shop.errors import NotFound

HUANIU = "GS027"


@pytest.fixture(autouse=True)
def _request_context(app: Flask) -> Iterator[None]:
    """Give the views a request, for the addresses in them."""
    with app.test_request_context():
        yield


@contextmanager
def count_queries(session: Session) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    engine = session.get_bind()
    sa.event.listen(engine, "before_cursor_execute", note)
    yield statements
    sa.event.remove(engine, "before_cursor_execute", note)


def found(session: Session, page_size: int = 200, **filters: object) -> list[str]:
    page = queries.product_list(session, ProductFilters(**filters), 1, page_size)  # type: ignore[arg-type]  # a test's
    assert page.total >= len(page.items)
    return [product.id for product in page.items]


def put_on_shelf(superuser: sa.Engine, *codes: str) -> None:
    """Give items a stock from outside the request that these tests run in, which writes nothing."""
    with superuser.begin() as connection:
        connection.execute(sa.update(Sku).where(Sku.code.in_(codes)).values(stock=1))


def counted(session: Session, filters: ProductFilters) -> Facets:
    return facets(session, filters, resolve(session, filters.q))


class TestSearch:
    @pytest.mark.parametrize(
        "q",
        [
            "花牛苹果",
            "苹果",
            "花牛",
            "牛苹",
            "hnpg",
            "hn",
            "huaniu",
            "HuaNiu",
            "pingguo",
            "ping",
            "huaniu apple",
            "麦积 苹果",
            "天水花牛苹果",
            "甘甜的花牛苹果",
            "苹果 果蔬",
            "tianshui pingguo",
            "ｈｕａｎｉｕ",
            "天水的苹果多少钱",
        ],
    )
    def test_finds_the_huaniu_apple(self, session: Session, q: str) -> None:
        assert HUANIU in found(session, q=q)

    def test_puts_the_name_that_was_typed_first(self, session: Session) -> None:
        assert found(session, q="兰州百合")[:2] == ["GS059", "GS060"]

    @pytest.mark.parametrize("q", ["马铃薯", "土豆", "洋芋", "yangyu", "定西洋芋"])
    def test_finds_the_potato_by_every_name_that_it_has(self, session: Session, q: str) -> None:
        assert "GS001" in found(session, q=q)

    @pytest.mark.parametrize("q", ["%", "_", "\\", "'", "火龙xyz", "x" * 60])
    def test_finds_nothing_for_what_nobody_sells(self, session: Session, q: str) -> None:
        assert HUANIU not in found(session, q=q)

    def test_takes_no_sign_for_a_wildcard(self, session: Session) -> None:
        assert found(session, q="%") == []
        assert found(session, q="苹果%") == found(session, q="苹果")

    def test_matches_every_term(self, session: Session) -> None:
        both = set(found(session, q="静宁 苹果"))

        assert both == set(found(session, q="静宁")) & set(found(session, q="苹果"))
        assert both == {"GS026"}


class TestFilters:
    def test_narrow_by_category_place_and_month(self, session: Session) -> None:
        everything = found(session)

        assert len(everything) == 181
        assert set(found(session, category="drink")) == {f"GS{number}" for number in range(154, 165)}
        assert found(session, county="620503", category="produce", sort="pinyin") == [HUANIU, "GS038"]
        assert HUANIU in found(session, prefecture="620500", month=1)
        assert HUANIU not in found(session, prefecture="620500", month=6)
        assert HUANIU not in found(session, prefecture="620100")

    def test_take_a_prefecture_without_counties_for_a_county(self, session: Session) -> None:
        assert found(session, prefecture="620200") == found(session, county="620200") == []

    def test_show_what_is_in_stock(self, session: Session, superuser: sa.Engine) -> None:
        put_on_shelf(superuser, "GS027-1")

        assert found(session, available=True) == [HUANIU]
        assert found(session)[0] == HUANIU

    def test_leave_out_what_is_not_listed(self, session: Session) -> None:
        assert "GS171" not in found(session, q="腰刀")
        with pytest.raises(NotFound):
            queries.product(session, "GS171")


class TestOrder:
    def test_by_pinyin_as_a_chinese_reader_expects(self, session: Session) -> None:
        ids = found(session, sort="pinyin")
        keys = dict(session.execute(sa.select(Product.id, Product.sort_key)).all())

        assert [keys[one] for one in ids] == sorted(keys[one] for one in ids)

    @pytest.mark.parametrize(("sort", "is_reversed"), [("price", False), ("-price", True)])
    def test_by_price(self, session: Session, sort: str, *, is_reversed: bool) -> None:
        prices = dict(session.execute(sa.select(Sku.product_id, Sku.price_fen)).all())
        ordered = [prices[one] for one in found(session, sort=sort)]

        assert ordered == sorted(ordered, reverse=is_reversed)


class TestPaging:
    def test_shows_every_product_once(self, session: Session) -> None:
        pages = [queries.product_list(session, ProductFilters(), number, 50) for number in (1, 2, 3, 4)]

        assert [len(page.items) for page in pages] == [50, 50, 50, 31]
        assert len({product.id for page in pages for product in page.items}) == pages[0].total == 181
        assert pages[0].pages == 4

    def test_is_empty_beyond_the_last_page(self, session: Session) -> None:
        assert queries.product_list(session, ProductFilters(), 9, 50).items == []


class TestNumberOfQueries:
    @pytest.mark.parametrize("page_size", [1, 24, 200])
    def test_does_not_grow_with_the_list(self, session: Session, page_size: int) -> None:
        with count_queries(session) as statements:
            queries.product_list(session, ProductFilters(), 1, page_size)

        assert len(statements) == 3

    def test_is_one_more_for_a_search(self, session: Session) -> None:
        filters = ProductFilters(q="苹果", category="produce", available=False, month=10)

        with count_queries(session) as statements:
            queries.product_list(session, filters, 1, 24)
        with count_queries(session) as of_facets:
            counted(session, filters)

        assert (len(statements), len(of_facets)) == (4, 4)

    def test_is_three_more_where_the_words_are_taken_apart(self, session: Session) -> None:
        with count_queries(session) as statements:
            queries.product_list(session, ProductFilters(q="天水的花牛苹果"), 1, 24)

        assert len(statements) == 7

    def test_is_two_for_a_product(self, session: Session) -> None:
        with count_queries(session) as statements:
            queries.product(session, HUANIU)

        assert len(statements) == 2


class TestProduct:
    def test_has_origin_season_pack_and_price_by_weight(self, session: Session) -> None:
        product = queries.product(session, HUANIU)
        (sku,) = product.skus

        assert (product.county.name, product.prefecture.name, product.category.name) == ("麦积区", "天水市", "果蔬")
        assert product.season_months == [9, 10, 11, 12, 1, 2, 3]
        assert (sku.pack, sku.weight_g, sku.per_500g_fen, sku.per_kg_fen) == ("5kg/箱", 5000, 590, 1180)
        assert (product.gi, product.is_art, product.in_stock) == (True, True, False)
        assert product.image_url == "/static/vendor/art/apple.webp"
        assert product.brand_label

    def test_has_no_price_by_weight_without_a_weight(self, session: Session) -> None:
        (sku,) = queries.product(session, "GS006").skus

        assert (sku.pack, sku.weight_g, sku.per_500g_fen, sku.per_kg_fen) == ("5L/桶", None, None, None)

    def test_is_related_to_others_of_its_county(self, session: Session) -> None:
        others = queries.related(session, queries.product(session, HUANIU))

        assert [product.id for product in others] == ["GS153", "GS038"]


class TestFacets:
    def test_count_each_filter_as_if_it_alone_were_off(self, session: Session) -> None:
        filters = ProductFilters(category="produce", county="620503", month=10)
        facets = counted(session, filters)
        categories = {category.code: count for category, count in facets.categories}
        counties = {county.code: count for one in facets.prefectures for county, count in one.counties}

        for code, count in categories.items():
            assert count == len(found(session, category=code, county="620503", month=10))
        assert counties["620503"] == len(found(session, category="produce", county="620503", month=10))
        assert counties["620826"] == len(found(session, category="produce", county="620826", month=10))
        assert facets.months[1] == len(found(session, category="produce", county="620503", month=1))
        assert facets.total == 181

    def test_a_prefecture_counts_its_counties(self, session: Session) -> None:
        for one in counted(session, ProductFilters()).prefectures:
            assert one.count == sum(count for _, count in one.counties) > 0
            assert one.count == len(found(session, prefecture=one.region.code))

    def test_count_what_a_search_finds(self, session: Session) -> None:
        facets = counted(session, ProductFilters(q="甘甜的花牛苹果"))

        assert {category.code: count for category, count in facets.categories if count} == {"produce": 1}


class TestStockList:
    def test_shows_unlisted_goods_too(self, session: Session) -> None:
        page = queries.stock_list(session, q="腰刀", page=1, page_size=50)

        assert [(product.id, product.is_listed) for product in page.items] == [("GS171", False)]
        assert queries.stock_list(session, q="", page=1, page_size=50).total == 185
