import re
from http import HTTPStatus
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import ledger
from shop.catalogue.models import Product, Sku
from shop.identity.models import AuditEvent, Role, User
from shop.orders.models import BasketLine, Order
from tests import factories


@pytest.fixture
def buyer(client: FlaskClient, session: Session) -> User:
    """Return a private buyer who is signed in and finds ten packs on the shelf."""
    factories.stock(session, "GS001-1", packs=10)
    who = factories.user(session)
    session.rollback()
    factories.sign_in(client, who)
    return who


def _form(client: FlaskClient, url: str, **fields: str) -> dict[str, str]:
    """Return a form as a browser sends it: its hidden fields, which a repeat sends again, and what was typed."""
    page = client.get(url).get_data(as_text=True)
    hidden: dict[str, str] = {}
    for tag in re.findall(r'<input[^>]*type="hidden"[^>]*>', page.partition("<main")[2]):
        name, value = (re.search(rf'\b{attribute}="([^"]*)"', tag) for attribute in ("name", "value"))
        assert name is not None, tag
        hidden.setdefault(name.group(1), value.group(1) if value else "")
    assert hidden["once"], page[:500]
    return hidden | fields


def _put_into_basket(client: FlaskClient, quantity: int, sku: str = "GS001-1") -> None:
    form = _form(client, f"/products/{sku.partition('-')[0]}", sku=sku, quantity=str(quantity))
    assert client.post("/basket/lines", data=form).status_code == HTTPStatus.FOUND


def _checkout_form(client: FlaskClient, method: str = "bank_transfer", **fields: str) -> dict[str, str]:
    return _form(client, "/checkout", payment_method=method, **(factories.SHIP_TO | fields))


def _left(session: Session) -> int:
    session.rollback()
    return session.get_one(Sku, "GS001-1", populate_existing=True).stock


def _orders(session: Session) -> list[Order]:
    session.rollback()
    return session.query(Order).all()


class TestBasket:
    def test_follows_a_visitor_into_the_account(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session, "GS001-1", packs=10)
        who = factories.user(session)
        session.rollback()
        _put_into_basket(client, 2)
        _put_into_basket(client, 1)

        factories.sign_in(client, who)

        lines = session.query(BasketLine).all()
        assert [(line.owner, line.sku_code, line.quantity) for line in lines] == [(who.id, "GS001-1", 3)]

    @pytest.mark.parametrize(("fields", "kept"), [({"quantity": "7"}, [7]), ({"remove": "1"}, [])])
    def test_changes_a_line_or_takes_it_out(
        self, client: FlaskClient, session: Session, buyer: User, fields: dict[str, str], kept: list[int]
    ) -> None:
        _put_into_basket(client, 2)

        client.post("/basket/lines/GS001-1", data=_form(client, "/basket", **fields))

        assert [line.quantity for line in session.query(BasketLine).filter_by(owner=buyer.id)] == kept

    @pytest.mark.parametrize("quantity", ["0", "-1", "1.5", "", "many", "10000", "１"])
    def test_refuses_what_is_no_quantity(
        self, client: FlaskClient, session: Session, buyer: User, quantity: str
    ) -> None:
        form = _form(client, "/products/GS001", sku="GS001-1", quantity=quantity)

        client.post("/basket/lines", data=form)

        assert session.query(BasketLine).filter_by(owner=buyer.id).count() == 0

    @pytest.mark.parametrize("target", ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example"])
    def test_leads_nowhere_else(self, client: FlaskClient, buyer: User, target: str) -> None:  # noqa: ARG002  # signed in
        form = _form(client, "/products/GS001", sku="GS001-1", quantity="1", next=target)

        assert client.post("/basket/lines", data=form).location == "/#item-GS001-1"

    def test_is_added_to_without_leaving_the_list(self, client: FlaskClient, buyer: User) -> None:  # noqa: ARG002  # signed in
        listed = client.get("/?q=定西马铃薯").get_data(as_text=True)
        target = re.search(r'name="next" value="([^"]+)"', listed)
        assert target is not None

        form = _form(client, "/?q=定西马铃薯", sku="GS001-1", quantity="1", next=target.group(1))
        answer = client.post("/basket/lines", data=form)

        path, _, card = answer.location.partition("#")
        assert path.startswith("/?q=")
        assert f'id="{card}"' in client.get(path).get_data(as_text=True)

    def test_shows_the_picture_of_each_product(self, client: FlaskClient, buyer: User) -> None:  # noqa: ARG002  # signed in
        _put_into_basket(client, 1)

        assert "vendor/art/potato.webp" in client.get("/basket").get_data(as_text=True)

    def test_sums_each_line_and_all_of_them(self, client: FlaskClient, session: Session, buyer: User) -> None:  # noqa: ARG002  # signed in
        factories.stock(session, "GS027-1", packs=10)
        session.commit()
        _put_into_basket(client, 2)
        _put_into_basket(client, 3, "GS027-1")
        first, second = session.get_one(Sku, "GS001-1").price_fen * 2, session.get_one(Sku, "GS027-1").price_fen * 3
        sums = [ledger.format_yuan(amount_fen) for amount_fen in (first, second, first + second)]

        for url in ("/basket", "/checkout"):
            shown = re.findall(r"¥</span>([\d,.]+)", client.get(url).get_data(as_text=True))
            assert [amount for amount in shown if amount in sums][:3] == sums

    @pytest.mark.parametrize(("quantity", "target"), [("3", "/checkout"), ("lots", "/basket")])
    def test_goes_on_to_the_checkout_with_a_quantity_that_is_right(
        self,
        client: FlaskClient,
        buyer: User,  # noqa: ARG002  # signed in
        quantity: str,
        target: str,
    ) -> None:
        _put_into_basket(client, 1)

        form = _form(client, "/basket", quantity=quantity, next="/checkout")

        assert client.post("/basket/lines/GS001-1", data=form).location == target


class TestCheckout:
    def test_places_one_order_however_often_the_form_is_sent(
        self, client: FlaskClient, session: Session, buyer: User
    ) -> None:
        _put_into_basket(client, 3)
        form = _checkout_form(client)

        first, second = (client.post("/checkout", data=form) for _ in range(2))

        (order,) = _orders(session)
        assert first.location == second.location == f"/orders/{order.number}"
        assert (order.user_id, order.ship_name) == (buyer.id, factories.SHIP_TO["name"])
        assert _left(session) == 7
        assert session.query(BasketLine).count() == 0
        assert order.number in client.get(first.location).get_data(as_text=True)
        assert order.number in client.get("/orders").get_data(as_text=True)

    def test_holds_nobody_to_a_total_that_was_not_shown(
        self,
        client: FlaskClient,
        session: Session,
        buyer: User,  # noqa: ARG002  # signed in
    ) -> None:
        _put_into_basket(client, 1)
        seen = _checkout_form(client)
        _put_into_basket(client, 2)

        refused = client.post("/checkout", data=seen)
        agreed = client.post("/checkout", data=_checkout_form(client))

        assert refused.status_code == HTTPStatus.CONFLICT
        assert "商品或价格有变化" in refused.get_data(as_text=True)
        assert agreed.status_code == HTTPStatus.FOUND
        assert _left(session) == 7

    def test_places_one_order_of_one_basket_from_two_pages(
        self,
        client: FlaskClient,
        session: Session,
        buyer: User,  # noqa: ARG002  # signed in
    ) -> None:
        _put_into_basket(client, 2)
        pages = [_checkout_form(client) for _ in range(2)]

        statuses = [client.post("/checkout", data=page).status_code for page in pages]

        assert statuses == [HTTPStatus.FOUND, HTTPStatus.UNPROCESSABLE_ENTITY]
        assert len(_orders(session)) == 1

    def test_keeps_what_was_typed_when_a_field_is_wrong(
        self,
        client: FlaskClient,
        session: Session,
        buyer: User,  # noqa: ARG002  # signed in
    ) -> None:
        _put_into_basket(client, 1)

        answer = client.post("/checkout", data=_checkout_form(client, phone="电话", name="王小明"))

        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "王小明" in answer.get_data(as_text=True)
        assert _orders(session) == []

    def test_keeps_nothing_of_an_order_beyond_the_credit(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session, "GS001-1", packs=10)
        home = factories.canteen(session, credit_limit_fen=1_00)
        who = factories.user(session, role=Role.CANTEEN, organisation=home)
        session.rollback()
        factories.sign_in(client, who)
        _put_into_basket(client, 3)

        answer = client.post("/checkout", data=_checkout_form(client, method="on_account"))

        assert answer.status_code == HTTPStatus.CONFLICT
        assert _left(session) == 10
        assert _orders(session) == []
        assert session.query(BasketLine).one().quantity == 3

    def test_says_what_is_short_and_keeps_the_basket(
        self,
        client: FlaskClient,
        session: Session,
        buyer: User,  # noqa: ARG002  # signed in
    ) -> None:
        _put_into_basket(client, 11)

        answer = client.post("/checkout", data=_checkout_form(client))

        assert answer.status_code == HTTPStatus.CONFLICT
        page = answer.get_data(as_text=True)
        assert re.search("库存不足：“定西马铃薯[^”]*”只剩 10 箱", page)
        assert "GS001-1:" not in page
        assert session.query(BasketLine).one().quantity == 11


class TestOrderPage:
    def test_says_where_the_goods_go_and_offers_what_the_bank_asks_for_copying(
        self,
        client: FlaskClient,
        buyer: User,  # noqa: ARG002  # signed in
    ) -> None:
        _put_into_basket(client, 1)
        url = client.post("/checkout", data=_checkout_form(client)).location

        page = client.get(url).get_data(as_text=True)

        assert re.search("天津市 +河西区友谊路 1 号", page)
        copied = re.findall(r'data-copy="([^"]+)"', page)
        assert copied[1:] == ["甘味测试商城", "6200000000000000", url.rpartition("/")[2]]
        assert re.fullmatch(r"\d+\.\d\d", copied[0])


class TestHistory:
    def test_narrows_to_one_status(self, client: FlaskClient, buyer: User) -> None:  # noqa: ARG002  # signed in
        numbers = []
        for _ in range(2):
            _put_into_basket(client, 1)
            numbers.append(client.post("/checkout", data=_checkout_form(client)).location.rpartition("/")[2])
        cancelled, waiting = numbers
        client.post(f"/orders/{cancelled}/cancel", data=_form(client, f"/orders/{cancelled}"))

        def listed(query: str) -> set[str]:
            page = client.get(f"/orders{query}").get_data(as_text=True)
            return set(re.findall(r"/orders/(GW[0-9A-Z]{12})", page))

        assert listed("?status=cancelled") == {cancelled}
        assert listed("?status=awaiting_payment") == {waiting}
        assert listed("?status=accepted") == set()
        assert listed("?status=nonsense") == listed("") == {cancelled, waiting}

    def test_says_what_a_canteen_has_not_settled(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session, "GS001-1", packs=10)
        who = factories.user(session, role=Role.CANTEEN)
        session.rollback()
        factories.sign_in(client, who)
        _put_into_basket(client, 1)
        url = client.post("/checkout", data=_checkout_form(client, method="on_account")).location
        before = client.get("/orders").get_data(as_text=True)
        client.post(f"{url}/acceptance", data=_form(client, f"{url}/acceptance", **{"accepted-1": "1", "reason-1": ""}))

        assert "待结清" not in before
        assert "待结清" in client.get("/orders").get_data(as_text=True)


class TestCancel:
    def test_gives_the_stock_back_and_leaves_a_trace(self, client: FlaskClient, session: Session, buyer: User) -> None:
        _put_into_basket(client, 3)
        url = client.post("/checkout", data=_checkout_form(client)).location
        number = url.rpartition("/")[2]

        client.post(f"{url}/cancel", data=_form(client, url))

        assert _left(session) == 10
        (event,) = session.query(AuditEvent).filter_by(action="order.cancel")
        assert (event.user_id, event.subject) == (buyer.id, f"order:{number}")


class TestOrderAgain:
    def test_fills_the_basket_once_with_what_is_still_for_sale(
        self,
        client: FlaskClient,
        session: Session,
        buyer: User,
    ) -> None:
        _put_into_basket(client, 3)
        factories.stock(session, "GS002-1")
        _put_into_basket(client, 2, "GS002-1")
        url = client.post("/checkout", data=_checkout_form(client)).location
        product = session.get_one(Product, "GS002")
        product.is_listed = False
        session.commit()
        form = _form(client, url)

        answers = [client.post(f"{url}/again", data=form, follow_redirects=True) for _ in range(2)]

        product.is_listed = True
        session.commit()
        assert "有 1 种商品已下架" in answers[0].get_data(as_text=True)
        kept = [(line.sku_code, line.quantity) for line in session.query(BasketLine).filter_by(owner=buyer.id)]
        assert kept == [("GS001-1", 3)]


class TestAcceptance:
    def test_says_beside_the_line_what_is_wrong_and_then_takes_it(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session, "GS001-1", packs=10)
        home = factories.canteen(session, code="canteen-1")
        who = factories.user(session, role=Role.CANTEEN, organisation=home)
        session.rollback()
        factories.sign_in(client, who)
        _put_into_basket(client, 4)
        url = client.post("/checkout", data=_checkout_form(client, method="on_account")).location
        typed: dict[str, Any] = {"accepted-1": "3.5", "reason-1": ""}

        unread = client.post(
            f"{url}/acceptance", data=_form(client, f"{url}/acceptance", **typed | {"accepted-1": "三箱半"})
        ).get_data(as_text=True)
        refused = client.post(f"{url}/acceptance", data=_form(client, f"{url}/acceptance", **typed))
        taken = client.post(
            f"{url}/acceptance", data=_form(client, f"{url}/acceptance", **typed | {"reason-1": "破损"})
        )

        assert "请填写数字" in unread
        assert re.findall(r'id="([a-z0-9-]+)"[^>]*aria-describedby="error-1"', unread) == ["accepted-1"]
        assert 'value="三箱半"' in unread
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "请写明原因" in refused.get_data(as_text=True)
        marked = re.findall(r'id="([a-z0-9-]+)"[^>]*aria-describedby="error-1"', refused.get_data(as_text=True))
        assert marked == ["reason-1"]
        assert taken.location == url
        (order,) = _orders(session)
        assert order.accepted_fen is not None
        assert 2 * order.accepted_fen == 7 * order.goods_fen // 4
        assert ledger.balance(session, "asset:receivable:canteen-1") == order.accepted_fen
