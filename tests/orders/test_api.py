from http import HTTPStatus

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.catalogue.models import Sku
from shop.db import now
from shop.identity.models import AuditEvent, Membership, Role
from shop.registry.models import Campaign
from tests import factories


def _left(session: Session, sku: str) -> int:
    session.expire_all()
    item = session.get(Sku, sku)
    assert item is not None
    return item.stock


class TestPlaceOrder:
    def test_holds_the_stock_and_answers_with_the_order(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session, "GS001-1", packs=10)
        buyer = factories.user(session)

        answer = client.post(
            "/api/v1/orders",
            json=factories.order_request(("GS001-1", 2)),
            headers=factories.bearer(session, buyer),
        )

        assert answer.status_code == HTTPStatus.CREATED, answer.get_data(as_text=True)
        order = answer.get_json()
        assert order["status"] == "awaiting_payment"
        assert order["partner"] == "none"
        assert order["buyer"] == buyer.name
        line = order["lines"][0]
        assert (line["line_no"], line["sku"], line["quantity"], line["county"]) == (1, "GS001-1", 2, "621102")
        assert line["amount_fen"] == 2 * line["unit_price_fen"] == order["goods_fen"]
        assert order["total_fen"] == order["goods_fen"] + order["freight_fen"]
        assert order["paid_fen"] == 0
        assert _left(session, "GS001-1") == 8
        assert session.query(AuditEvent).filter_by(subject=f"order:{order['number']}").count() == 1

    def test_sums_the_demand_of_one_item_over_its_lines(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session, "GS001-1", packs=5)
        headers = factories.bearer(session, factories.user(session))

        answer = client.post(
            "/api/v1/orders", json=factories.order_request(("GS001-1", 3), ("GS001-1", 3)), headers=headers
        )

        assert answer.status_code == HTTPStatus.CONFLICT
        assert answer.content_type == "application/problem+json"
        assert _left(session, "GS001-1") == 5

    def test_has_one_effect_however_often_it_is_sent(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session, "GS001-1", packs=10)
        headers = factories.bearer(session, factories.user(session)) | {"Idempotency-Key": factories.key()}
        body = factories.order_request(("GS001-1", 1))

        first, second = (client.post("/api/v1/orders", json=body, headers=headers) for _ in range(2))

        assert first.get_json() == second.get_json()
        assert first.status_code == second.status_code == HTTPStatus.CREATED
        assert _left(session, "GS001-1") == 9

    def test_credits_the_partner_of_the_organisation(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        headers = factories.bearer(session, factories.user(session, role=Role.CANTEEN))

        order = client.post(
            "/api/v1/orders", json=factories.order_request(payment_method="on_account"), headers=headers
        ).get_json()

        assert (order["partner"], order["channel"]) == ("C-nea", "canteen")
        assert order["status"] == "awaiting_acceptance"
        assert order["freight_fen"] == 0

    def test_credits_the_partner_of_a_running_campaign(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        session.add(Campaign(code="jg", name="津甘", partner_code="120000", since=now().date()))
        session.commit()
        headers = factories.bearer(session, factories.user(session))

        order = client.post("/api/v1/orders", json=factories.order_request(campaign="jg"), headers=headers).get_json()
        refused = client.post("/api/v1/orders", json=factories.order_request(campaign="no"), headers=headers)

        assert order["partner"] == "120000"
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert refused.get_json()["errors"][0]["field"] == "campaign"

    def test_keeps_within_the_credit_limit(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session, "GS001-1", packs=200)
        home = factories.canteen(session, credit_limit_fen=3_000_00)
        headers = factories.bearer(session, factories.user(session, role=Role.CANTEEN, organisation=home))
        body = factories.order_request(("GS001-1", 60), payment_method="on_account")

        first = client.post("/api/v1/orders", json=body, headers=headers)
        second = client.post("/api/v1/orders", json=body, headers=headers)

        assert first.status_code == HTTPStatus.CREATED
        assert second.status_code == HTTPStatus.CONFLICT
        assert second.get_json()["type"].endswith("credit-exceeded")
        assert _left(session, "GS001-1") == 140

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"lines": []}, "lines"),
            ({"lines": [{"sku": "GS001-1", "quantity": 0}]}, "lines.0.quantity"),
            ({"lines": [{"sku": "GS001-1", "quantity": 1.5}]}, "lines.0.quantity"),
            ({"lines": [{"sku": "GS001-1", "quantity": "1"}]}, "lines.0.quantity"),
            ({"ship_to": {**factories.SHIP_TO, "phone": "电话"}}, "ship_to.phone"),
            ({"ship_to": {**factories.SHIP_TO, "region_code": "12"}}, "ship_to.region_code"),
            ({"payment_method": "cash"}, "payment_method"),
            ({"surprise": 1}, "surprise"),
        ],
    )
    def test_names_the_field_that_is_wrong(
        self, client: FlaskClient, session: Session, change: dict[str, object], field: str
    ) -> None:
        headers = factories.bearer(session, factories.user(session))

        answer = client.post("/api/v1/orders", json=factories.order_request() | change, headers=headers)

        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, answer.get_data(as_text=True)
        assert field in {error["field"] for error in answer.get_json()["errors"]}

    @pytest.mark.parametrize("body", ["{", "[]", '"x"', "\\u0000", "", "[" * 100_000])
    def test_refuses_what_is_no_order_without_breaking(self, client: FlaskClient, session: Session, body: str) -> None:
        headers = factories.bearer(session, factories.user(session))

        answer = client.post("/api/v1/orders", data=body, headers=headers, content_type="application/json")

        assert answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
        assert answer.content_type == "application/problem+json"

    def test_refuses_text_that_the_database_cannot_keep(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        headers = factories.bearer(session, factories.user(session))
        ship_to = factories.SHIP_TO | {"name": "李\x00梅"}

        answer = client.post("/api/v1/orders", json=factories.order_request(ship_to=ship_to), headers=headers)

        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert answer.get_json()["errors"][0]["field"] == "ship_to.name"

    def test_asks_a_visitor_to_sign_in(self, client: FlaskClient) -> None:
        answer = client.post("/api/v1/orders", json=factories.order_request())

        assert answer.status_code == HTTPStatus.UNAUTHORIZED
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    def test_says_that_card_payment_is_not_open(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        headers = factories.bearer(session, factories.user(session))

        answer = client.post("/api/v1/orders", json=factories.order_request(payment_method="stripe"), headers=headers)

        assert answer.status_code == HTTPStatus.CONFLICT
        assert answer.get_json()["type"].endswith("payment-method-refused")


class TestGetOrder:
    def test_shows_nobody_the_order_of_another(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        mine = factories.bearer(session, factories.user(session))
        number = client.post("/api/v1/orders", json=factories.order_request(), headers=mine).get_json()["number"]
        others = [
            factories.user(session),
            factories.user(session, role=Role.CANTEEN),
            factories.user(session, role=Role.PARTNER_OFFICER),
        ]

        for other in others:
            headers = factories.bearer(session, other)
            assert client.get(f"/api/v1/orders/{number}", headers=headers).status_code == HTTPStatus.NOT_FOUND
            assert client.post(f"/api/v1/orders/{number}/cancel", headers=headers).status_code == HTTPStatus.NOT_FOUND
            assert client.get("/api/v1/orders", headers=headers).get_json() == []
        staff = factories.bearer(session, factories.user(session, role=Role.AUDITOR))
        assert client.get(f"/api/v1/orders/{number}", headers=staff).status_code == HTTPStatus.OK
        assert client.post(f"/api/v1/orders/{number}/cancel", headers=staff).status_code == HTTPStatus.FORBIDDEN

    def test_lists_by_page(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        headers = factories.bearer(session, factories.user(session))
        numbers = [
            client.post("/api/v1/orders", json=factories.order_request(), headers=headers).get_json()["number"]
            for _ in range(3)
        ]

        answer = client.get("/api/v1/orders?page_size=2&page=2", headers=headers)

        assert [order["number"] for order in answer.get_json()] == [numbers[0]]
        assert '"total": 3' in answer.headers["X-Pagination"]
        assert client.get("/api/v1/orders?colour=red", headers=headers).status_code == HTTPStatus.UNPROCESSABLE_ENTITY

    def test_lists_by_status(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        headers = factories.bearer(session, factories.user(session))
        kept, cancelled = (
            client.post("/api/v1/orders", json=factories.order_request(), headers=headers).get_json()["number"]
            for _ in range(2)
        )
        client.post(f"/api/v1/orders/{cancelled}/cancel", headers=headers)

        found = client.get("/api/v1/orders?status=awaiting_payment", headers=headers).get_json()

        assert [order["number"] for order in found] == [kept]

    def test_keeps_private_orders_out_of_the_canteen(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        who = factories.user(session)
        headers = factories.bearer(session, who)
        number = client.post("/api/v1/orders", json=factories.order_request(), headers=headers).get_json()["number"]
        session.add(Membership(user_id=who.id, organisation_id=factories.canteen(session).id, role=Role.CANTEEN))
        session.commit()

        assert client.get("/api/v1/orders", headers=headers).get_json() == []
        assert client.get(f"/api/v1/orders/{number}", headers=headers).status_code == HTTPStatus.NOT_FOUND


class TestCancelOrder:
    def test_returns_the_stock_once(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session, "GS001-1", packs=4)
        headers = factories.bearer(session, factories.user(session))
        number = client.post(
            "/api/v1/orders", json=factories.order_request(("GS001-1", 3)), headers=headers
        ).get_json()["number"]

        first = client.post(f"/api/v1/orders/{number}/cancel", headers=headers)
        second = client.post(f"/api/v1/orders/{number}/cancel", headers=headers)

        assert first.get_json()["status"] == "cancelled"
        assert second.status_code == HTTPStatus.CONFLICT
        assert _left(session, "GS001-1") == 4
