"""Several requests about one order, or one credit limit, at the same moment."""

from http import HTTPStatus
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import ledger
from shop.catalogue.models import Sku
from shop.db import business_day, transaction
from shop.identity.actor import actor_for
from shop.identity.models import Role
from shop.orders import queries, service
from shop.orders.service import OrderNotCancellable
from tests import factories
from tests.ledger.parallel import at_once

AT_ONCE = 8


def _place(client: FlaskClient, headers: dict[str, str], **body: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/orders", json=factories.order_request(("GS001-1", 3), **body), headers=headers)
    order: dict[str, Any] = answer.get_json()
    assert answer.status_code == HTTPStatus.CREATED, order
    return order


class TestOneOrder:
    def test_is_cancelled_once(self, app: Flask, client: FlaskClient, session: Session) -> None:
        factories.stock(session, "GS001-1", packs=3)
        headers = factories.bearer(session, factories.user(session))
        url = f"/api/v1/orders/{_place(client, headers)['number']}/cancel"
        session.rollback()

        statuses = at_once(AT_ONCE, lambda _: app.test_client().post(url, headers=headers).status_code)

        assert sorted(statuses) == [HTTPStatus.OK] + [HTTPStatus.CONFLICT] * (AT_ONCE - 1)
        assert session.get_one(Sku, "GS001-1", populate_existing=True).stock == 3

    def test_takes_no_more_money_than_it_costs(self, app: Flask, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        order = _place(client, factories.bearer(session, factories.user(session)))
        finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        receipt = {"amount_fen": order["total_fen"], "payer": "李梅", "reference": order["number"]}
        receipt["paid_on"] = business_day().isoformat()
        session.rollback()

        def record(_: int) -> dict[str, Any]:
            answer: dict[str, Any] = (
                app.test_client().post("/api/v1/bank-receipts", json=receipt, headers=finance).get_json()
            )
            return answer

        taken = [answer["allocated_fen"] for answer in at_once(AT_ONCE, record)]

        assert sorted(taken) == [0] * (AT_ONCE - 1) + [order["total_fen"]]
        assert ledger.balance(session, "liability:prepaid") == order["total_fen"]
        assert ledger.balance(session, "liability:unallocated") == (AT_ONCE - 1) * order["total_fen"]
        assert ledger.totals(session, book="aid", by=()).count == 1

    def test_is_read_again_once_it_is_locked(self, app: Flask, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        who = factories.user(session)
        headers = factories.bearer(session, who)
        number = _place(client, headers)["number"]
        actor = actor_for(session, who)
        seen = queries.order(session, actor, number)
        assert seen.status == "awaiting_payment"
        with app.app_context(), transaction() as elsewhere:
            service.cancel_order(elsewhere, actor, number)

        with pytest.raises(OrderNotCancellable):
            service.cancel_order(session, actor, number)


class TestCreditLimit:
    def test_holds_for_orders_at_the_same_moment(self, app: Flask, session: Session) -> None:
        factories.stock(session, "GS001-1", packs=100)
        factories.stock(session, "GS005-1", packs=100)
        price_fen = max(session.get_one(Sku, code).price_fen for code in ("GS001-1", "GS005-1"))
        home = factories.canteen(session, credit_limit_fen=10 * price_fen)
        headers = factories.bearer(session, factories.user(session, role=Role.CANTEEN, organisation=home))
        session.rollback()

        def order(number: int) -> int:
            # Of two items, so that it is not the lock on their stock that makes the orders queue.
            sku = ("GS001-1", "GS005-1")[number % 2]
            body = factories.order_request((sku, 8), payment_method="on_account")
            return app.test_client().post("/api/v1/orders", json=body, headers=headers).status_code

        statuses = at_once(AT_ONCE, order)

        assert sorted(statuses) == [HTTPStatus.CREATED] + [HTTPStatus.CONFLICT] * (AT_ONCE - 1)

    def test_counts_what_was_accepted_until_it_is_paid(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        price_fen = session.get_one(Sku, "GS001-1").price_fen
        home = factories.canteen(session, credit_limit_fen=5 * price_fen)
        headers = factories.bearer(session, factories.user(session, role=Role.CANTEEN, organisation=home))
        finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        first = _place(client, headers, payment_method="on_account")
        line = {"line_no": 1, "accepted_quantity": 3}
        client.post(f"/api/v1/orders/{first['number']}/receipts", json={"lines": [line]}, headers=headers)
        body = factories.order_request(("GS001-1", 3), payment_method="on_account")

        refused = client.post("/api/v1/orders", json=body, headers=headers)
        client.post(
            "/api/v1/bank-receipts",
            json={
                "amount_fen": 3 * price_fen,
                "paid_on": business_day().isoformat(),
                "payer": "食堂",
                "reference": first["number"],
            },
            headers=finance,
        )
        placed = client.post("/api/v1/orders", json=body, headers=headers)

        assert refused.get_json()["type"].endswith("credit-exceeded")
        assert placed.status_code == HTTPStatus.CREATED
