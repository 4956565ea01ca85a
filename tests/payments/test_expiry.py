"""Orders that wait for money in vain, alone and against money, cancelling and a second worker at the same moment."""

import time
from datetime import timedelta
from http import HTTPStatus
from itertools import cycle
from threading import Barrier, Thread
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import ledger
from shop.catalogue.models import Sku
from shop.catalogue.stock import queries as stock
from shop.db import business_day, now, transaction
from shop.finance import agreement
from shop.identity.models import AuditEvent, Role
from shop.jobs import tasks
from shop.orders.models import Order
from shop.payments import expiry
from tests import factories
from tests.ledger.parallel import at_once

PACKS = 100
RACES = 100


@pytest.fixture
def people(session: Session) -> dict[str, dict[str, str]]:
    factories.stock(session, packs=PACKS)
    buyer = factories.bearer(session, factories.user(session))
    finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
    session.rollback()
    return {"buyer": buyer, "finance": finance}


def place(client: FlaskClient, headers: dict[str, str], quantity: int = 2) -> dict[str, Any]:
    answer = client.post("/api/v1/orders", json=factories.order_request(("GS001-1", quantity)), headers=headers)
    order: dict[str, Any] = answer.get_json()
    assert answer.status_code == HTTPStatus.CREATED, order
    return order


def pay(client: FlaskClient, headers: dict[str, str], order: dict[str, Any], amount_fen: int) -> dict[str, Any]:
    body = {"amount_fen": amount_fen, "payer": "李梅", "reference": order["number"]}
    body["paid_on"] = business_day().isoformat()
    answer: dict[str, Any] = client.post("/api/v1/bank-receipts", json=body, headers=headers).get_json()
    return answer


def pass_deadline(session: Session, *numbers: str) -> None:
    passed = sa.update(Order).values(pay_until=now() - timedelta(seconds=1)).where(Order.pay_until.is_not(None))
    session.execute(passed.where(Order.number.in_(numbers)) if numbers else passed)
    session.commit()


def status_of(session: Session, order: dict[str, Any]) -> str:
    session.rollback()
    return str(session.scalars(sa.select(Order.status).where(Order.number == order["number"])).one())


def stock_left(session: Session) -> int:
    session.rollback()
    return session.get_one(Sku, "GS001-1", populate_existing=True).stock


class TestExpireOrders:
    def test_cancels_what_was_not_paid_in_time_and_returns_its_stock(
        self, client: FlaskClient, session: Session, people: dict[str, dict[str, str]]
    ) -> None:
        late = place(client, people["buyer"])
        pass_deadline(session)
        fresh = place(client, people["buyer"])

        assert tasks.expire_orders() == 1

        assert (status_of(session, late), status_of(session, fresh)) == ("cancelled", "awaiting_payment")
        assert stock_left(session) == PACKS - 2
        (event,) = session.scalars(sa.select(AuditEvent).where(AuditEvent.action == "order.expire"))
        assert (event.user_id, event.subject) == (None, f"order:{late['number']}")
        assert tasks.expire_orders() == 0

    def test_stops_when_told_to(self, client: FlaskClient, session: Session, people: dict[str, dict[str, str]]) -> None:
        for _ in range(3):
            place(client, people["buyer"])
        pass_deadline(session)

        assert tasks.expire_orders(lambda: True) == 1
        assert tasks.expire_orders() == 2

    def test_puts_a_part_payment_into_the_queue(
        self, client: FlaskClient, session: Session, people: dict[str, dict[str, str]]
    ) -> None:
        order = place(client, people["buyer"])
        receipt = pay(client, people["finance"], order, 500)
        waiting = session.scalars(sa.select(Order)).one().pay_until
        assert waiting is not None
        assert waiting > now() + timedelta(hours=71)
        pass_deadline(session)

        tasks.expire_orders()

        assert status_of(session, order) == "cancelled"
        url = f"/api/v1/bank-receipts/{receipt['number']}"
        told = client.get(url, headers=people["finance"]).get_json()
        assert (told["allocated_fen"], told["unallocated_fen"]) == (0, 500)
        assert [(move["kind"], move["note"]) for move in told["moves"]] == [
            ("placed", ""),
            ("released", expiry.PAST_DEADLINE),
        ]
        assert ledger.balance(session, "liability:prepaid") == 0
        assert agreement.verify(session).problems == []

    def test_leaves_goods_that_come_before_money(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        canteen = factories.bearer(session, factories.user(session, role=Role.CANTEEN))
        order = client.post(
            "/api/v1/orders", json=factories.order_request(payment_method="on_account"), headers=canteen
        ).get_json()

        assert order["pay_until"] is None
        assert tasks.expire_orders() == 0

    def test_is_done_once_by_two_workers(
        self, app: Flask, client: FlaskClient, session: Session, people: dict[str, dict[str, str]]
    ) -> None:
        for _ in range(10):
            place(client, people["buyer"])
        pass_deadline(session)

        def work(_: int) -> int:
            with app.app_context():
                return tasks.expire_orders()

        assert sum(at_once(2, work)) == 10
        assert stock_left(session) == PACKS
        assert stock.broken_chain(session) == []


class TestMoneyAgainstTheDeadline:
    def test_after_it_waits_in_the_queue(
        self, client: FlaskClient, session: Session, people: dict[str, dict[str, str]]
    ) -> None:
        order = place(client, people["buyer"])
        pass_deadline(session)
        tasks.expire_orders()

        receipt = pay(client, people["finance"], order, order["total_fen"])

        assert (receipt["allocated_fen"], receipt["unallocated_fen"]) == (0, order["total_fen"])
        assert receipt["order_number"] == order["number"]
        assert stock_left(session) == PACKS

    def test_at_the_same_moment_loses_neither(
        self, app: Flask, client: FlaskClient, session: Session, people: dict[str, dict[str, str]]
    ) -> None:
        paid_first = received_fen = sold = 0
        delays = cycle(range(10))
        for race in range(RACES):
            order = place(client, people["buyer"], quantity=1)
            pass_deadline(session, order["number"])
            start, delay = Barrier(2), next(delays) / 200

            def expire(start: Barrier = start, delay: float = delay) -> None:
                with app.app_context():
                    start.wait(timeout=30)
                    time.sleep(delay)  # so that now one, now the other is first
                    tasks.expire_orders()

            worker = Thread(target=expire)
            worker.start()
            start.wait(timeout=30)
            amount_fen = order["total_fen"] if race % 4 else order["total_fen"] - 1
            receipt = pay(app.test_client(), people["finance"], order, amount_fen)
            worker.join()
            received_fen += amount_fen
            is_paid = status_of(session, order) == "paid"
            assert receipt["allocated_fen"] + receipt["unallocated_fen"] == amount_fen
            if is_paid:
                assert receipt["allocated_fen"] == order["total_fen"]
                paid_first += 1
                sold += 1
            elif status_of(session, order) == "awaiting_payment":
                # A part came just in time: the order waits for the rest, with a new deadline, and keeps its stock.
                assert receipt["allocated_fen"] == amount_fen < order["total_fen"]
                sold += 1
            assert stock_left(session) == PACKS - sold

        placed_fen = ledger.balance(session, "liability:prepaid")
        assert placed_fen + ledger.balance(session, "liability:unallocated") == received_fen
        assert ledger.totals(session, book="aid", by=()).count == paid_first
        assert 0 < sold < RACES, "each was first at times"
        assert stock.broken_chain(session) == []
        assert agreement.verify(session).problems == []

    def test_would_be_lost_if_the_worker_did_not_look_again(
        self, client: FlaskClient, session: Session, people: dict[str, dict[str, str]]
    ) -> None:
        order = place(client, people["buyer"])
        pass_deadline(session)
        # What a worker without a lock does: it read the order before the money came, and cancels it after.
        seen = session.scalars(sa.select(Order.id).where(Order.number == order["number"])).one()
        session.rollback()
        pay(client, people["finance"], order, order["total_fen"])
        with transaction() as unguarded:
            unguarded.execute(sa.update(Order).where(Order.id == seen).values(status="cancelled"))

        assert agreement.verify(session).problems != []
