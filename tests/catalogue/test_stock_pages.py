"""An operator's shelf: corrections with a reason, the history of an item, what runs low."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.catalogue.models import LOW_STOCK_AT, Sku, StockMovement
from shop.catalogue.stock import queries
from shop.identity.models import AuditEvent, Role
from tests import factories

APPLE = "GS027-1"
PAGE = f"/catalogue/stock/{APPLE}"


@pytest.fixture
def operator(client: FlaskClient, session: Session) -> Iterator[FlaskClient]:
    factories.sign_in(client, factories.user(session, role=Role.OPERATOR, name="仓管员"))
    yield client
    session.rollback()
    session.execute(sa.update(Sku).values(low_stock_at=LOW_STOCK_AT))
    session.commit()


def send(client: FlaskClient, path: str, **fields: object) -> str:
    token = factories.csrf_token(client.get(PAGE).get_data(as_text=True))
    answer = client.post(f"{PAGE}/{path}", data={"csrf_token": token} | fields, follow_redirects=True)
    return answer.get_data(as_text=True)


class TestCorrection:
    def test_is_stored_with_its_reason_and_told_to_the_trail(self, operator: FlaskClient, session: Session) -> None:
        factories.stock(session, APPLE, packs=10)

        page = send(operator, "corrections", stock="7", seen_stock="10", reason="damaged", note="雨淋")

        (movement,) = session.scalars(sa.select(StockMovement))
        assert (movement.change, movement.stock_after, movement.reason, movement.note) == (-3, 7, "damaged", "雨淋")
        (event,) = session.scalars(sa.select(AuditEvent).where(AuditEvent.action == "stock.set"))
        assert event.detail == {"old": 10, "new": 7, "reason": "damaged", "note": "雨淋"}
        assert "−3" in page
        assert "仓管员" in page
        assert "雨淋" in page

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"reason": ""}, "请选择库存变动的原因"),
            ({"reason": "ordered"}, "还不能提交"),
            ({"reason": "other", "note": " "}, "请写明说明"),
            ({"stock": "-1"}, "之间的整数"),
            ({"stock": "many"}, "还不能提交"),
            ({"seen_stock": "9"}, "查看后库存已由 9 变为 10"),
            ({"note": "长" * 201}, "还不能提交"),
        ],
    )
    def test_is_refused_by_name_of_the_field(
        self, operator: FlaskClient, session: Session, fields: dict[str, str], told: str
    ) -> None:
        factories.stock(session, APPLE, packs=10)

        asked = {"stock": "7", "seen_stock": "10", "reason": "counted"} | fields
        page = send(operator, "corrections", **asked)

        assert told in page
        assert session.get_one(Sku, APPLE, populate_existing=True).stock == 10
        assert session.scalars(sa.select(StockMovement)).all() == []


class TestHistory:
    def test_tells_of_orders_and_of_their_end(self, operator: FlaskClient, session: Session) -> None:
        factories.stock(session, APPLE, packs=10)
        buyer = factories.bearer(session, factories.user(session))
        order = operator.post("/api/v1/orders", json=factories.order_request((APPLE, 4)), headers=buyer).get_json()
        operator.post(f"/api/v1/orders/{order['number']}/cancel", headers=buyer)

        page = operator.get(PAGE).get_data(as_text=True)

        rows = session.scalars(sa.select(StockMovement).order_by(StockMovement.id)).all()
        assert [(row.change, row.stock_after, row.reason) for row in rows] == [(-4, 6, "ordered"), (4, 10, "cancelled")]
        assert page.count(order["number"]) >= 4
        assert queries.broken_chain(session) == []

    def test_shows_a_number_that_changed_beside_it(self, session: Session, superuser: sa.Engine) -> None:
        factories.stock(session, APPLE, packs=10)
        made = {"sku_code": APPLE, "change": 10, "stock_after": 10, "reason": "counted"}
        session.add(StockMovement(**made))
        session.commit()
        assert queries.broken_chain(session) == []
        with superuser.begin() as connection:
            connection.execute(sa.text("UPDATE sku SET stock = 9 WHERE code = 'GS027-1'"))
        session.rollback()

        assert queries.broken_chain(session) == [APPLE]


class TestLowStock:
    def test_lists_what_is_at_its_own_line_the_emptiest_first(self, operator: FlaskClient, session: Session) -> None:
        session.execute(sa.update(Sku).values(stock=500))
        session.commit()
        factories.stock(session, APPLE, packs=40)
        factories.stock(session, "GS001-1", packs=10)
        before = queries.low_stock(session, page=1, page_size=9)
        session.rollback()

        send(operator, "alert", low_stock_at="40")

        page = queries.low_stock(session, page=1, page_size=9)
        assert [sku.code for sku in before.items] == ["GS001-1"]
        assert [sku.code for sku in page.items] == ["GS001-1", APPLE]
        assert queries.low_stock_count(session) == queries.LowStock(items=2, gone=0)
        listed = operator.get("/catalogue/low-stock").get_data(as_text=True)
        assert APPLE in listed
        assert operator.get("/catalogue/stock/GS999-1").status_code == 404
