"""Delivery to a private buyer: said by the buyer, by an operator, or by nobody for long enough; posted once."""

from datetime import timedelta
from http import HTTPStatus

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import ledger
from shop.db import business_day
from shop.finance import agreement
from shop.identity.models import AuditEvent
from shop.jobs import tasks
from shop.orders.models import Order
from tests import factories
from tests.ledger.parallel import at_once
from tests.orders.shipping.parcels import Counter


@pytest.fixture
def counter(client: FlaskClient, session: Session) -> Counter:
    return Counter(client, session)


def age(session: Session, days: int) -> None:
    session.execute(sa.text("UPDATE shipment SET recorded_at = recorded_at - :age"), {"age": timedelta(days=days)})
    session.commit()


class TestDeliver:
    def test_pays_the_producer_once_and_agrees_with_the_books(self, counter: Counter, session: Session) -> None:
        order = counter.pay(counter.place(counter.buyer))
        counter.shipped(order)
        prepaid_fen = ledger.balance(session, "liability:prepaid")

        answer = counter.deliver(order, counter.buyer)
        again = counter.deliver(order, counter.buyer)

        delivered = answer.get_json()
        assert (answer.status_code, delivered["status"]) == (HTTPStatus.CREATED, "accepted")
        assert delivered["accepted_fen"] == order["goods_fen"]
        assert again.status_code == HTTPStatus.CONFLICT
        earned = sum(row.balance_fen for row in ledger.accounts(session, book="cash", prefix="liability:supplier:"))
        earned += ledger.balance(session, "income:commission") + ledger.balance(session, "income:freight")
        assert (prepaid_fen, ledger.balance(session, "liability:prepaid")) == (order["total_fen"], 0)
        assert earned == order["total_fen"]
        assert ledger.totals(session, book="aid", by=()).total_fen == order["goods_fen"]
        assert agreement.verify(session).problems == []
        (event,) = session.scalars(sa.select(AuditEvent).where(AuditEvent.action == "order.deliver"))
        assert event.user_id == counter.person.id

    def test_is_said_by_an_operator_too_but_by_nobody_else(self, counter: Counter, session: Session) -> None:
        order = counter.pay(counter.place(counter.buyer))
        counter.shipped(order)
        stranger = factories.bearer(session, factories.user(session))
        session.rollback()

        assert counter.deliver(order, stranger).status_code == HTTPStatus.NOT_FOUND
        assert counter.deliver(order, counter.finance).status_code == HTTPStatus.FORBIDDEN
        assert counter.deliver(order, counter.operator).status_code == HTTPStatus.CREATED

    def test_needs_a_parcel_and_no_organisation(self, counter: Counter) -> None:
        unshipped = counter.pay(counter.place(counter.buyer))
        canteens = counter.place(counter.canteen, method="on_account")
        counter.shipped(canteens)

        assert counter.deliver(unshipped, counter.buyer).status_code == HTTPStatus.CONFLICT
        assert counter.deliver(canteens, counter.canteen).status_code == HTTPStatus.FORBIDDEN
        assert counter.deliver(canteens, counter.operator).status_code == HTTPStatus.FORBIDDEN

    def test_is_a_button_on_the_page(self, counter: Counter) -> None:
        order = counter.pay(counter.place(counter.buyer))
        counter.shipped(order)
        factories.sign_in(counter.client, counter.person)
        page = counter.client.get(f"/orders/{order['number']}").get_data(as_text=True)
        form = {"csrf_token": factories.csrf_token(page)}

        done = counter.client.post(f"/orders/{order['number']}/delivery", data=form, follow_redirects=True)

        assert "确认收货" in page
        text = done.get_data(as_text=True)
        assert "已确认收货" in text
        assert "已收货" in text
        assert f"/orders/{order['number']}/delivery" not in text

    def test_is_posted_once_by_buyer_operator_and_worker_together(
        self, app: Flask, counter: Counter, session: Session
    ) -> None:
        order = counter.pay(counter.place(counter.buyer))
        counter.shipped(order)
        age(session, days=20)

        def say(number: int) -> int:
            if number == 2:
                with app.app_context():
                    return HTTPStatus.CREATED if tasks.deliver_orders() else HTTPStatus.CONFLICT
            who = (counter.buyer, counter.operator)[number % 2]
            url = f"/api/v1/orders/{order['number']}/delivery"
            return app.test_client().post(url, headers=who).status_code

        assert sorted(at_once(4, say)) == [HTTPStatus.CREATED] + [HTTPStatus.CONFLICT] * 3
        assert agreement.verify(session).problems == []


class TestDeliverOrders:
    def test_confirms_what_nobody_said_anything_about(self, counter: Counter, session: Session) -> None:
        old = counter.pay(counter.place(counter.buyer))
        counter.shipped(old)
        canteens = counter.pay(counter.place(counter.canteen))
        counter.shipped(canteens)
        withdrawn = counter.shipped(counter.pay(counter.place(counter.buyer)))
        counter.withdraw(withdrawn)
        again = counter.pay(counter.place(counter.buyer))
        counter.shipped(again)
        age(session, days=16)
        counter.shipped(again, tracking_number="SF0000000002", further=True)
        counter.shipped(counter.pay(counter.place(counter.buyer)))

        assert tasks.deliver_orders() == 1
        assert tasks.deliver_orders() == 0

        session.rollback()
        done = session.scalars(sa.select(Order).where(Order.status == "accepted")).one()
        assert (done.number, done.accepted_on) == (old["number"], business_day())
        (event,) = session.scalars(sa.select(AuditEvent).where(AuditEvent.action == "order.deliver"))
        assert event.user_id is None
        assert agreement.verify(session).problems == []

    def test_stops_when_told_to(self, counter: Counter, session: Session) -> None:
        for _ in range(2):
            counter.shipped(counter.pay(counter.place(counter.buyer)))
        age(session, days=16)

        assert tasks.deliver_orders(lambda: True) == 1
        assert tasks.deliver_orders() == 1
