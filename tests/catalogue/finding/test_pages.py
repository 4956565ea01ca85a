"""The ways into the catalogue as a browser gets them, and what they cost."""

import dataclasses
import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.catalogue.finding.pages import SUGGESTIONS_RATE
from shop.catalogue.models import Product, Sku
from shop.config import Settings
from shop.db import business_day
from tests.catalogue.test_queries import count_queries

HOSTILE = ["%25", "%27%22%3E%3Cscript%3E", "%F0%9F%98%80", "x" * 3000, "%5C", "_", "%E7%99%BE" * 100, "%20"]


def text(client: FlaskClient, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


class TestCategory:
    def test_says_what_is_in_season_and_where_it_grows(self, client: FlaskClient) -> None:
        page = text(client, "/categories/herb")

        assert "中药材" in page
        assert "20 种特产" in page
        assert re.search(r'href="/\?category=herb&amp;prefecture=621100"', page)
        assert (
            set(re.findall(r"/products/(GS\d+)", page))
            == {f"GS{number}" for number in range(110, 132)}
            - {
                "GS126",
                "GS127",
            }
            or "GS110" in page
        )

    @pytest.mark.parametrize("code", ["nothing", "%27", "x" * 3000])
    def test_does_not_exist_for_an_unknown_code(self, client: FlaskClient, code: str) -> None:
        assert "没有这个类别" in text(client, f"/categories/{code}", 404)


class TestPlace:
    def test_of_a_county_names_its_prefecture_and_its_goods(self, client: FlaskClient) -> None:
        page = text(client, "/places/621126")

        for part in ("岷县", "属定西市", "/places/621100", "岷县当归", "岷县蓝莓", "陇西县"):
            assert part in page

    def test_of_a_prefecture_names_its_counties(self, client: FlaskClient) -> None:
        page = text(client, "/places/620500")

        for part in ("天水市", "花牛苹果", "/places/620503", "麦积区", "秦安蜜桃"):
            assert part in page

    @pytest.mark.parametrize("code", ["620000", "620599", "120000", "none", "%27", "00"])
    def test_does_not_exist_where_nothing_is_sold(self, client: FlaskClient, code: str) -> None:
        assert "还没有上架" in text(client, f"/places/{code}", 404)


class TestCalendar:
    def test_shows_seasonal_goods_with_those_of_this_month_first(self, client: FlaskClient, session: Session) -> None:
        page = text(client, "/calendar")
        rows = re.findall(r'<tr( class="is-now")?>\s*<th scope="row"><a href="/products/(GS\d+)"', page)
        seasons = dict(session.execute(sa.select(Product.id, Product.season_months)).all())

        assert len(rows) == 60
        assert [bool(now) for now, _ in rows] == [business_day().month in seasons[one] for _, one in rows]
        assert all(len(seasons[one]) < 12 for _, one in rows)
        assert sorted(rows, key=lambda row: not row[0]) == rows

    def test_keeps_its_state_in_the_address(self, client: FlaskClient) -> None:
        page = text(client, "/calendar?category=produce&prefecture=620500")

        assert "花牛苹果" in page
        assert "静宁苹果" not in page
        assert 'href="/calendar?category=herb&amp;prefecture=620500"' in page
        assert client.get("/calendar?category=produce&page=99").location == "/calendar?category=produce"

    def test_says_where_nothing_has_a_season(self, client: FlaskClient) -> None:
        assert "没有分季节供应" in text(client, "/calendar?category=craft")

    @pytest.mark.parametrize("query", ["category=%27", "prefecture=0", "page=x", "month=99", "category=none"])
    def test_leaves_out_what_it_cannot_read(self, client: FlaskClient, query: str) -> None:
        assert "产季日历" in text(client, f"/calendar?{query}")


class TestSuggestions:
    def test_offers_goods_and_places(self, client: FlaskClient) -> None:
        options = re.findall(r'role="option"[^>]*data-url="([^"]+)"', text(client, "/suggestions?q=qingyang"))

        assert options[0] == "/places/621000"
        assert len([one for one in options if one.startswith("/products/")]) == 6
        assert options[-1] == "/?q=qingyang"

    @pytest.mark.parametrize("q", ["lzbh", "兰州百", "lanzou baihe", "兰洲百合"])
    def test_offers_what_is_meant_first(self, client: FlaskClient, q: str) -> None:
        assert re.search(r'data-url="([^"]+)"', text(client, f"/suggestions?q={q}"))[1] == "/products/GS059"  # type: ignore[index]  # it matches

    def test_gives_every_option_a_name_of_its_own(self, client: FlaskClient) -> None:
        names = re.findall(r'id="([^"]+)" role="option"', text(client, "/suggestions?q=l"))

        assert len(names) == len(set(names)) > 6

    @pytest.mark.parametrize("q", ["", *HOSTILE])
    def test_bears_anything(self, client: FlaskClient, q: str) -> None:
        assert "<script" not in text(client, f"/suggestions?q={q}")

    def test_may_be_kept_by_the_browser_alone(self, client: FlaskClient) -> None:
        assert client.get("/suggestions?q=ping").headers["Cache-Control"] == "private, max-age=60"

    def test_refuses_a_flood_and_nobody_else(self, app: Flask, settings: Settings) -> None:
        app.config["SETTINGS"] = dataclasses.replace(settings, shared_page_seconds=60)
        client, flooder = app.test_client(), {"REMOTE_ADDR": "203.0.113.7"}
        most = int(SUGGESTIONS_RATE.split(" ", maxsplit=1)[0])

        answers = {client.get("/suggestions?q=ping", environ_base=flooder).status_code for _ in range(most + 60)}

        app.config["SETTINGS"] = settings
        assert answers == {200, 429}
        assert client.get("/suggestions?q=ping").status_code == 200
        assert client.get("/?q=ping", environ_base=flooder).status_code == 200


class TestList:
    def test_says_what_it_looked_for_instead(self, client: FlaskClient) -> None:
        page = text(client, "/?q=lanzou+baihe")

        assert "已按“lanzhou baihe”搜索" in page
        assert "兰州百合" in page

    def test_says_what_it_left_out(self, client: FlaskClient) -> None:
        assert "没有商品与“火龙”有关" in text(client, "/?q=火龙+苹果")

    def test_offers_to_take_off_the_filter_that_hides_everything(self, client: FlaskClient) -> None:
        page = text(client, "/?q=花牛苹果&category=drink&month=11")

        assert re.search(r'href="/\?q=[^"&]+&amp;month=11">去掉“酒饮”：1 种', page)
        assert "去掉“11月”" not in page

    def test_offers_each_word_where_nothing_has_them_all(self, client: FlaskClient) -> None:
        page = text(client, "/?q=静宁+百合")

        assert "分开搜索" in page
        assert len(re.findall(r'<a href="/\?q=[^"]+"><svg', page)) == 2

    @pytest.mark.parametrize("q", HOSTILE)
    def test_bears_anything(self, client: FlaskClient, q: str) -> None:
        assert "<h1" in text(client, f"/?q={q}")
        assert client.get("/?q=a%00b").status_code == 422

    @pytest.mark.parametrize("sort", ["season", "unit_price"])
    def test_sorts(self, client: FlaskClient, sort: str) -> None:
        assert "已忽略" not in text(client, f"/?sort={sort}")
        prices = [
            sku["price_fen"] / sku["weight_g"] if sku["weight_g"] else float("inf")
            for product in client.get(f"/api/v1/products?sort={sort}&page_size=200").get_json()
            for sku in product["skus"]
        ]
        assert len(prices) == 181
        assert (prices == sorted(prices)) == (sort == "unit_price")

    def test_ranks_over_the_api_as_on_the_page(self, client: FlaskClient) -> None:
        for q in ("lanzou baihe", "静宁pg", "苹果", "花扭苹果"):
            listed = re.findall(r'<h2><a href="/products/(GS\d+)"', text(client, f"/?q={q}"))
            answered = client.get("/api/v1/products", query_string={"q": q, "page_size": 24}).get_json()
            assert [product["id"] for product in answered] == listed


class TestNumberOfQueries:
    """It is the same with ten times the products."""

    PAGES = (
        "/",
        "/?q=苹果&month=11",
        "/?q=lanzou+baihe",
        "/categories/produce",
        "/places/620500",
        "/calendar",
        "/suggestions?q=pg",
    )

    @pytest.fixture
    def many(self, few: dict[str, int], superuser: sa.Engine) -> Iterator[None]:
        """Sell ten times as much, once the costs before are known."""
        assert few
        with superuser.begin() as connection:
            for model, key in ((Product, "id"), (Sku, "code")):
                columns = [column.name for column in model.__table__.columns if column.name != key]
                values = ", ".join("product_id || '+' || copy" if name == "product_id" else name for name in columns)
                connection.exec_driver_sql(
                    f"INSERT INTO {model.__tablename__} ({key}, {', '.join(columns)})"  # noqa: S608  # our own names
                    f" SELECT {key} || '+' || copy, {values} FROM {model.__tablename__}, generate_series(1, 9) copy"
                )
        yield
        with superuser.begin() as connection:
            # Nothing refers to them; to check that, one role for everything lacks a right on the moves of stock.
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            connection.execute(sa.delete(Sku).where(Sku.code.contains("+")))
            connection.execute(sa.delete(Product).where(Product.id.contains("+")))

    @pytest.fixture
    def few(self, client: FlaskClient, session: Session) -> dict[str, int]:
        """Return what each page costs as it is."""
        return self.costs(client, session)

    def costs(self, client: FlaskClient, session: Session) -> dict[str, int]:
        found = {}
        for path in self.PAGES:
            with count_queries(session) as statements:
                text(client, path)
            found[path] = len(statements)
        return found

    @pytest.mark.usefixtures("many")
    def test_does_not_grow(self, few: dict[str, int], client: FlaskClient, session: Session) -> None:
        assert self.costs(client, session) == few
        assert all(0 < cost <= 12 for cost in few.values())
