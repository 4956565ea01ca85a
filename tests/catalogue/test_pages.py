"""The shop's pages as a browser gets them."""

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.catalogue.models import Sku
from shop.identity.models import AuditEvent, Role, StoredAnswer
from tests import factories

APPLE = "GS027-1"


def text(client: FlaskClient, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


class TestProductList:
    def test_shows_goods_with_origin_pack_and_price_to_everybody(self, client: FlaskClient) -> None:
        page = text(client, "/?q=花牛苹果")

        for part in ("花牛苹果", "麦积区", "5kg/箱", "59.00", "vendor/art/apple.webp"):
            assert part in page

    def test_keeps_its_state_in_the_address(self, client: FlaskClient) -> None:
        page = text(client, "/?category=produce&prefecture=620500&month=10&sort=price")

        hrefs = re.findall(r'href="(/\?[^"]*)"', page)
        assert any("prefecture=620500" in href and "month=10" in href and "category" not in href for href in hrefs)
        assert 'value="produce"' in page

    def test_pages_with_its_filters(self, client: FlaskClient) -> None:
        first, second = text(client, "/?category=produce"), text(client, "/?category=produce&page=2")

        assert "category=produce&amp;page=2" in first
        assert set(re.findall(r"/products/(GS\d+)", first)).isdisjoint(re.findall(r"/products/(GS\d+)", second))

    def test_goes_to_the_last_page_when_asked_beyond_it(self, client: FlaskClient) -> None:
        answer = client.get("/?category=drink&page=99")

        assert (answer.status_code, answer.headers["Location"]) == (302, "/?category=drink")

    @pytest.mark.parametrize(
        "query",
        [
            "month=13",
            "month=十",
            "month=" + "1" * 5000,
            "category=nonsense",
            "category=%27--",
            "county=620599",
            "prefecture=000000",
            "sort=price%20desc",
        ],
    )
    def test_leaves_out_what_it_cannot_read_and_says_so(self, client: FlaskClient, query: str) -> None:
        page = text(client, f"/?{query}")

        assert "已忽略" in page
        assert "定西马铃薯" in text(client, f"/?q=定西马铃薯&{query}")

    @pytest.mark.parametrize(
        "query", ["page=x", "page=-1", "page=0", "q=%25", "q=" + "果" * 500, "utm=1", "available=no"]
    )
    def test_never_breaks(self, client: FlaskClient, query: str) -> None:
        assert "<h1" in text(client, f"/?{query}")

    def test_says_that_nothing_was_found(self, client: FlaskClient) -> None:
        assert "没有找到" in text(client, "/?q=火龙果")

    def test_speaks_english(self, client: FlaskClient) -> None:
        with client.session_transaction() as cookie:
            cookie["language"] = "en"

        assert "Huaniu apple" in text(client, "/?q=huaniu")


class TestProductPage:
    def test_shows_the_packs_with_the_price_by_weight(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session, APPLE, packs=3)

        page = text(client, "/products/GS027")

        for part in ("huā niú píng guǒ", "天水市", "麦积区", "5kg/箱", "59.00", "5.90", "11.80", 'value="GS027-1"'):
            assert part in page

    def test_says_that_a_season_goes_on_into_the_next_year(self, client: FlaskClient) -> None:
        chinese = text(client, "/products/GS059")
        with client.session_transaction() as cookie:
            cookie["language"] = "en"

        assert "9月至次年4月" in chinese
        assert "Sep to Apr" in text(client, "/products/GS059")

    def test_shows_others_of_the_county(self, client: FlaskClient) -> None:
        assert "麦积黑木耳" in text(client, "/products/GS027")

    @pytest.mark.parametrize("product_id", ["GS171", "GS999", "x", "%27"])
    def test_says_that_there_is_no_such_product(self, client: FlaskClient, product_id: str) -> None:
        assert "没有" in text(client, f"/products/{product_id}", status=404)


class TestStockPage:
    @pytest.fixture
    def operator(self, client: FlaskClient, session: Session) -> Iterator[FlaskClient]:
        """Return the client with an operator signed in; prices are put back afterwards."""
        factories.sign_in(client, factories.user(session, role=Role.OPERATOR))
        yield client
        session.rollback()
        session.execute(
            sa.update(Sku).where(Sku.code == APPLE).values(price_fen=5900, is_price_illustrative=True, stock=0)
        )
        session.commit()

    def post(self, client: FlaskClient, status: int = 200, **form: str) -> str:
        token = factories.csrf_token(text(client, "/catalogue/stock?q=花牛苹果"))
        values = {"csrf_token": token, "stock": "12", "seen_stock": "0", "price": "66.00", "is_listed": "1"} | form
        answer = client.post(f"/catalogue/stock/{APPLE}?q=花牛苹果", data=values, follow_redirects=True)
        assert answer.status_code == status
        return answer.get_data(as_text=True)

    def test_saves_stock_and_price_with_a_trail(self, operator: FlaskClient, session: Session) -> None:
        page = self.post(operator)

        assert "已保存 GS027-1" in page
        sku = session.scalars(sa.select(Sku).where(Sku.code == APPLE)).one()
        assert (sku.stock, sku.price_fen) == (12, 6600)
        assert set(session.scalars(sa.select(AuditEvent.action))) >= {"stock.set", "price.set"}

    @pytest.mark.parametrize(
        "form", [{"stock": "1.5"}, {"stock": ""}, {"stock": "9" * 400}, {"price": "abc"}, {"price": "0"}]
    )
    def test_says_what_is_wrong_and_saves_nothing(
        self, operator: FlaskClient, session: Session, form: dict[str, str]
    ) -> None:
        page = self.post(operator, 422, **form)

        assert "alert-danger" in page
        assert session.execute(sa.select(Sku.stock, Sku.price_fen).where(Sku.code == APPLE)).one() == (0, 5900)

    def test_keeps_what_was_typed_beside_what_is_wrong_with_it(self, operator: FlaskClient, session: Session) -> None:
        page = self.post(operator, 422, stock="31", seen_stock="7", price="六十", once="stock-once")

        row = re.search(rf'id="stock-{APPLE}".*?</tr>', page, re.DOTALL)
        assert row is not None
        assert 'value="31"' in row[0]
        assert 'name="seen_stock" value="7"' in row[0]
        assert re.search(rf'value="六十" aria-invalid="true" aria-describedby="error-{APPLE}"', row[0])
        assert re.search(rf'id="error-{APPLE}">.*?价格应大于零', row[0], re.DOTALL)
        assert session.query(StoredAnswer).count() == 0
        assert "已保存 GS027-1" in self.post(operator, once="stock-once")

    def test_says_that_the_stock_moved_and_counts_it_as_seen_from_then_on(
        self, operator: FlaskClient, session: Session
    ) -> None:
        factories.stock(session, APPLE, packs=4)

        page = self.post(operator, 409, seen_stock="5")

        assert "变为 4" in page
        assert 'name="seen_stock" value="4"' in page
        assert re.search(rf'id="stock-{APPLE}"[^>]*value="12" aria-invalid="true"', page, re.DOTALL)

    def test_says_that_there_is_no_such_item(self, operator: FlaskClient) -> None:
        token = factories.csrf_token(text(operator, "/catalogue/stock"))
        form = {"csrf_token": token, "stock": "1", "seen_stock": "0", "price": "6"}

        assert operator.post("/catalogue/stock/GS999-1", data=form).status_code == 404

    def test_is_for_operators_only(self, client: FlaskClient, session: Session) -> None:
        factories.sign_in(client, factories.user(session, role=Role.AUDITOR))

        assert client.get("/catalogue/stock").status_code == 403
