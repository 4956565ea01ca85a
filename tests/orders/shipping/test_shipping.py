"""Recording parcels and taking them back, alone and with others at the same moment."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from shop.db import business_day
from shop.identity.models import AuditEvent
from shop.mail.models import OutgoingMail
from shop.orders.shipping import queries
from shop.orders.shipping.models import Shipment
from tests import factories
from tests.ledger.parallel import at_once
from tests.orders.shipping.parcels import PARCEL, Counter


def mails(session: Session) -> list[OutgoingMail]:
    session.rollback()
    found = sa.select(OutgoingMail).where(OutgoingMail.template == "shipment").order_by(OutgoingMail.id)
    return list(session.scalars(found))


class TestShipOrder:
    def test_tells_the_order_the_buyer_and_the_trail(self, counter: Counter, session: Session) -> None:
        order = counter.pay(counter.place(counter.buyer))

        shipped = counter.shipped(order, tracking_number=" sf12 3456 7890 ")

        assert (order["shipments"], shipped["status"]) == ([], "paid")
        (parcel,) = shipped["shipments"]
        assert {name: parcel[name] for name in PARCEL} == PARCEL
        assert parcel["shipped_on"] == business_day().isoformat()
        seen = counter.client.get(f"/api/v1/orders/{order['number']}", headers=counter.buyer).get_json()
        assert seen["shipments"] == shipped["shipments"]
        (mail,) = mails(session)
        assert mail.recipient == counter.person.email
        assert f"订单 {order['number']} 已发货" in mail.subject
        assert "顺丰速运" in mail.text
        assert "SF1234567890" in mail.text
        (event,) = session.scalars(sa.select(AuditEvent).where(AuditEvent.action == "order.ship"))
        assert (event.user_id, event.subject) == (counter.staff.id, f"order:{order['number']}")
        assert event.detail["tracking_number"] == "SF1234567890"

    @pytest.mark.parametrize(
        ("parcel", "field"),
        [
            ({"tracking_number": ""}, "tracking_number"),
            ({"tracking_number": "顺丰 1234"}, "tracking_number"),
            ({"tracking_number": "123"}, "tracking_number"),
            ({"shipped_on": (business_day() + timedelta(days=1)).isoformat()}, "shipped_on"),
            ({"shipped_on": (business_day() - timedelta(days=1)).isoformat()}, "shipped_on"),
            ({"carrier": "pigeon"}, "carrier"),
            ({"carrier": None}, "carrier"),
        ],
    )
    def test_names_the_field_that_cannot_be(self, counter: Counter, parcel: dict[str, Any], field: str) -> None:
        answer = counter.ship(counter.pay(counter.place(counter.buyer)), **parcel)

        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert [error["field"] for error in answer.get_json()["errors"]] == [field]

    def test_takes_a_car_of_our_own_without_a_number(self, counter: Counter) -> None:
        order = counter.place(counter.canteen, method="on_account")

        shipped = counter.shipped(order, carrier="own", tracking_number="")

        assert shipped["status"] == "awaiting_acceptance"
        assert shipped["shipments"][0]["carrier"] == "own"

    def test_takes_a_further_parcel_only_of_one_who_knows_of_the_first(self, counter: Counter) -> None:
        order = counter.pay(counter.place(counter.buyer))
        counter.shipped(order)

        unknowing = counter.ship(order, tracking_number="SF0000000002")
        same = counter.ship(order, further=True)
        further = counter.shipped(order, tracking_number="SF0000000002", further=True)

        assert [unknowing.status_code, same.status_code] == [HTTPStatus.CONFLICT] * 2
        assert unknowing.get_json()["type"].endswith("already-shipped")
        assert [one["tracking_number"] for one in further["shipments"]] == ["SF1234567890", "SF0000000002"]

    def test_is_refused_before_money_and_after_the_goods(self, counter: Counter) -> None:
        order = counter.place(counter.buyer)

        early = counter.ship(order)
        counter.shipped(counter.pay(order))
        counter.deliver(order, counter.buyer)
        late = counter.ship(order, tracking_number="SF0000000002", further=True)

        assert [early.status_code, late.status_code] == [HTTPStatus.CONFLICT] * 2
        assert early.get_json()["type"].endswith("not-shippable")


class TestWithdrawShipment:
    def test_lets_the_order_wait_again_and_tells_the_buyer(self, counter: Counter, session: Session) -> None:
        shipped = counter.shipped(counter.pay(counter.place(counter.buyer)))

        back = counter.withdraw(shipped)
        twice = counter.withdraw(shipped)

        assert (back.status_code, back.get_json()["shipments"]) == (HTTPStatus.OK, [])
        assert twice.status_code == HTTPStatus.CONFLICT
        assert "发货信息已撤回" in mails(session)[-1].subject
        assert (queries.standing(session).waiting, queries.standing(session).travelling) == (1, 0)
        kept = session.scalars(sa.select(Shipment)).one()
        assert kept.withdrawn_reason == "运单号填错"
        counter.shipped(shipped)

    def test_needs_a_reason_and_a_parcel(self, counter: Counter) -> None:
        shipped = counter.shipped(counter.pay(counter.place(counter.buyer)))
        stray = shipped | {"shipments": [{"id": "00000000-0000-0000-0000-000000000000"}]}

        assert counter.withdraw(shipped, reason=" ").status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert counter.withdraw(stray).status_code == HTTPStatus.NOT_FOUND

    def test_is_refused_once_the_goods_came(self, counter: Counter) -> None:
        shipped = counter.shipped(counter.pay(counter.place(counter.buyer)))
        counter.deliver(shipped, counter.buyer)

        answer = counter.withdraw(shipped)

        assert answer.status_code == HTTPStatus.CONFLICT
        assert answer.get_json()["type"].endswith("shipment-settled")


class TestAtTheSameMoment:
    def test_two_operators_ship_once(self, app: Flask, counter: Counter, session: Session) -> None:
        order = counter.pay(counter.place(counter.buyer))
        url = f"/api/v1/orders/{order['number']}/shipments"

        def ship(number: int) -> int:
            body = PARCEL | {"tracking_number": f"SF000000000{number}"}
            return app.test_client().post(url, json=body, headers=counter.operator).status_code

        assert sorted(at_once(6, ship)) == [HTTPStatus.CREATED] + [HTTPStatus.CONFLICT] * 5
        assert len(session.scalars(sa.select(Shipment)).all()) == 1
        assert len(mails(session)) == 1

    @pytest.mark.parametrize("attempt", range(4))
    def test_an_order_is_shipped_or_cancelled(self, app: Flask, counter: Counter, attempt: int) -> None:
        order = counter.place(counter.canteen, method="on_account")
        ship = (f"/api/v1/orders/{order['number']}/shipments", PARCEL, counter.operator)
        cancel = (f"/api/v1/orders/{order['number']}/cancel", None, counter.canteen)

        def send(number: int) -> int:
            url, body, headers = (ship, cancel)[(number + attempt) % 2]
            return app.test_client().post(url, json=body, headers=headers).status_code

        statuses = at_once(2, send)

        seen = counter.client.get(f"/api/v1/orders/{order['number']}", headers=counter.canteen).get_json()
        assert max(statuses) == HTTPStatus.CONFLICT
        assert (seen["status"] == "cancelled") == (seen["shipments"] == [])


class TestTheDatabase:
    def test_holds_a_parcel_to_its_rules_too(self, counter: Counter, session: Session) -> None:
        counter.shipped(counter.pay(counter.place(counter.buyer)))
        twice = """INSERT INTO shipment (id, order_id, carrier, tracking_number, shipped_on, recorded_by, recorded_at)
            SELECT gen_random_uuid(), order_id, carrier, tracking_number, shipped_on, recorded_by, recorded_at
            FROM shipment"""

        for statement in (
            twice,
            "UPDATE shipment SET tracking_number = ''",
            "UPDATE shipment SET carrier = 'pigeon'",
            "UPDATE shipment SET withdrawn_at = now()",
        ):
            with pytest.raises(sa.exc.IntegrityError):
                session.execute(sa.text(statement))
            session.rollback()


class TestPages:
    def test_lead_an_operator_through_what_waits(self, counter: Counter) -> None:
        first, second = (counter.pay(counter.place(counter.buyer)) for _ in range(2))
        client = counter.client
        factories.sign_in(client, counter.staff)
        listed = client.get("/operator/shipping").get_data(as_text=True)
        asked = client.get(f"/orders/{first['number']}/shipments").get_data(as_text=True)
        form = {"csrf_token": factories.csrf_token(asked), "carrier": "zto", "shipped_on": business_day().isoformat()}
        url = f"/orders/{first['number']}/shipments"

        refused = client.post(url, data=form)
        sent = client.post(url, data=form | {"tracking_number": "ZT 556677"})
        again = client.post(url, data=form | {"tracking_number": "ZT 998877"}, follow_redirects=True)

        assert listed.index(first["number"]) < listed.index(second["number"])
        assert (refused.status_code, "请填写运单号" in refused.get_data(as_text=True)) == (422, True)
        assert (sent.status_code, sent.location) == (302, "/operator/shipping")
        assert "刚刚已有人登记发货" in again.get_data(as_text=True)
        left = client.get("/operator/shipping").get_data(as_text=True)
        assert (first["number"] in left.split("<table")[1], second["number"] in left) == (False, True)
        assert "ZT556677" in client.get("/operator/shipping?state=travelling").get_data(as_text=True)

    def test_show_the_buyer_the_parcel_but_not_how_to_change_it(self, counter: Counter) -> None:
        order = counter.pay(counter.place(counter.buyer))
        client = counter.client
        factories.sign_in(client, counter.person)
        before = client.get("/orders").get_data(as_text=True)
        counter.shipped(order)

        page = client.get(f"/orders/{order['number']}").get_data(as_text=True)

        assert "已付款，待发货" in before
        for text in ("已发货，待收货", "顺丰速运", "SF1234567890", "会自动确认收货"):
            assert text in page
        assert "撤回发货记录" not in page
        assert "SF1234567890" in client.get("/orders").get_data(as_text=True)

    def test_take_a_parcel_back_with_a_reason(self, counter: Counter) -> None:
        shipped = counter.shipped(counter.pay(counter.place(counter.buyer)))
        client = counter.client
        factories.sign_in(client, counter.staff)
        page = client.get(f"/orders/{shipped['number']}").get_data(as_text=True)
        url = f"/orders/{shipped['number']}/shipments/{shipped['shipments'][0]['id']}/withdraw"
        form = {"csrf_token": factories.csrf_token(page)}

        unexplained = client.post(url, data=form, follow_redirects=True)
        explained = client.post(url, data=form | {"reason": "装错箱"}, follow_redirects=True)

        assert "请写明撤回的原因" in unexplained.get_data(as_text=True)
        assert "发货记录已撤回" in explained.get_data(as_text=True)
        assert "已付款，待发货" in explained.get_data(as_text=True)
