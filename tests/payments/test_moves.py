"""Placing, refunding and undoing money that waits: any sequence loses none, nor does doing two things at once."""

from collections import Counter
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

import ledger
from shop.db import business_day
from shop.finance import agreement
from shop.identity.models import AuditEvent, Role
from shop.orders.models import Order
from shop.payments import queries, rules
from shop.payments.models import BankReceipt
from tests import factories
from tests.finance.documents import Office
from tests.ledger.parallel import at_once

AT_ONCE = 8


@pytest.fixture
def office(client: FlaskClient, session: Session) -> Office:
    return Office(client, session)


def stray(office: Office, amount_fen: int, **overrides: Any) -> str:
    """Record money that names no order."""
    body = {"amount_fen": amount_fen, "paid_on": business_day().isoformat(), "payer": "某付款人", "reference": "货款"}
    number: str = office.post(office.finance, "/bank-receipts", body | overrides)["number"]
    return number


def ask(office: Office, path: str, body: dict[str, Any]) -> Any:
    """Send what may be refused."""
    headers = office.finance | {"Idempotency-Key": factories.key()}
    return office.client.post(f"/api/v1/bank-receipts/{path}", json=body, headers=headers)


def read(office: Office, receipt: str) -> dict[str, Any]:
    told: dict[str, Any] = office.client.get(f"/api/v1/bank-receipts/{receipt}", headers=office.finance).get_json()
    return told


class TestPlace:
    def test_pays_the_order_as_much_as_both_allow_and_counts_it_today(self, office: Office, session: Session) -> None:
        order = office.order(office.buyer, ("GS001-1", 2))
        earlier = (business_day() - timedelta(days=9)).isoformat()
        receipt = stray(office, order["total_fen"] + 100, paid_on=earlier)

        told = office.place(receipt, order)

        assert (told["allocated_fen"], told["unallocated_fen"]) == (order["total_fen"], 100)
        assert session.query(Order).one().status == "paid"
        assert [row.effective_on for row in ledger.transfers(session, book="aid").rows] == [business_day()]
        assert session.query(AuditEvent).filter_by(action="receipt.place").count() == 1

    def test_bills_on_account_too(self, office: Office, session: Session) -> None:
        order = office.order(office.canteen, ("GS001-1", 2), method="on_account")
        office.accept(office.canteen, order, "2")
        receipt = stray(office, order["total_fen"])

        office.undo(receipt, office.place(receipt, order)["moves"][0])
        office.place(receipt, order, 300)

        assert session.query(Order).one().paid_fen == 300
        assert agreement.verify(session).problems == []

    def test_has_one_effect_however_often_it_is_sent(self, office: Office) -> None:
        order = office.order(office.buyer, ("GS001-1", 2))
        receipt = stray(office, 1000)
        headers = office.finance | {"Idempotency-Key": factories.key()}
        body = {"order_number": order["number"], "amount_fen": 400}

        url = f"/api/v1/bank-receipts/{receipt}/allocations"
        answers = [office.client.post(url, json=body, headers=headers) for _ in range(3)]

        assert {answer.status_code for answer in answers} == {HTTPStatus.CREATED}
        assert read(office, receipt)["allocated_fen"] == 400

    def test_refuses_by_name_what_cannot_be(self, office: Office, session: Session) -> None:
        order = office.order(office.buyer, ("GS001-1", 2))
        cancelled = office.order(office.buyer, ("GS001-1", 1))
        office.post(office.buyer, f"/orders/{cancelled['number']}/cancel")
        receipt = stray(office, 500)
        number = order["number"]

        def code(body: dict[str, Any]) -> str:
            told = ask(office, f"{receipt}/allocations", body).get_json()
            return str(told["errors"][0]["field"] if told.get("errors") else told["type"].rpartition("/")[2])

        assert code({"order_number": "GW000000000000"}) == "order_number"
        assert code({"order_number": cancelled["number"]}) == "order-takes-less"
        assert code({"order_number": number, "amount_fen": order["total_fen"] + 1}) == "order-takes-less"
        assert code({"order_number": number, "amount_fen": 501}) == "too-little-left"
        assert code({"order_number": number, "amount_fen": 0}) == "amount_fen"
        session.rollback()
        assert session.query(BankReceipt).one().unallocated_fen == 500

    def test_of_the_same_money_by_two_people_happens_once(self, app: Flask, office: Office, session: Session) -> None:
        orders = [office.order(office.buyer, ("GS001-1", 1)) for _ in range(AT_ONCE)]
        receipt = stray(office, orders[0]["total_fen"])
        clerks = [
            factories.bearer(session, factories.user(session, role=Role.FINANCE)) | {"Idempotency-Key": factories.key()}
            for _ in orders
        ]
        session.rollback()

        def place(number: int) -> int:
            body = {"order_number": orders[number]["number"], "amount_fen": orders[number]["total_fen"]}
            url = f"/api/v1/bank-receipts/{receipt}/allocations"
            return app.test_client().post(url, json=body, headers=clerks[number]).status_code

        statuses = Counter(at_once(AT_ONCE, place))

        assert statuses == {HTTPStatus.CREATED: 1, HTTPStatus.CONFLICT: AT_ONCE - 1}
        assert ledger.balance(session, "liability:unallocated") == 0
        assert agreement.verify(session).problems == []


class TestRefund:
    def test_sends_a_shortfall_back_to_who_paid(self, office: Office, session: Session) -> None:
        order = office.order(office.buyer, ("GS001-1", 4))
        receipt = office.pay(order, order["total_fen"])
        office.accept(office.buyer, order, "3")
        left_fen = read(office, receipt)["unallocated_fen"]

        told = office.refund(receipt, left_fen)

        assert left_fen == order["lines"][0]["unit_price_fen"]
        assert (told["unallocated_fen"], told["refunded_fen"]) == (0, left_fen)
        paid_back = queries.surplus(session, session.query(Order).one())
        assert (paid_back.waiting_fen, paid_back.refunded_fen) == (0, left_fen)
        assert ledger.balance(session, "asset:bank:test") == order["total_fen"] - left_fen
        assert agreement.verify(session).problems == []

    @pytest.mark.parametrize(
        ("overrides", "status"),
        [
            ({"amount_fen": 501}, HTTPStatus.CONFLICT),
            ({"bank_reference": ""}, HTTPStatus.UNPROCESSABLE_ENTITY),
            ({"refunded_on": "2999-01-01"}, HTTPStatus.UNPROCESSABLE_ENTITY),
            ({"refunded_on": "2000-01-01"}, HTTPStatus.UNPROCESSABLE_ENTITY),
        ],
    )
    def test_refuses_what_the_bank_cannot_have_done(
        self, office: Office, overrides: dict[str, Any], status: HTTPStatus
    ) -> None:
        receipt = stray(office, 500)
        body = {"amount_fen": 500, "refunded_on": business_day().isoformat(), "bank_reference": "R-1"} | overrides

        assert ask(office, f"{receipt}/refunds", body).status_code == status
        assert read(office, receipt)["unallocated_fen"] == 500


class TestUndo:
    def test_is_refused_once_the_order_counts_and_a_second_time(self, office: Office) -> None:
        order = office.order(office.buyer, ("GS001-1", 1))
        receipt = stray(office, order["total_fen"] + 100)
        paid = office.place(receipt, order)["moves"][0]
        sent = office.refund(receipt, 100)["moves"][1]
        office.undo(receipt, sent)

        for move in (paid, sent):
            answer = ask(office, f"{receipt}/moves/{move['id']}/undo", {"reason": "x"})
            assert answer.get_json()["type"].endswith("not-undoable")
        assert read(office, receipt)["unallocated_fen"] == 100


class TestAnySequence:
    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["pay", "place", "refund", "undo", "accept"]), st.integers(0, 3), st.integers(1, 6000)
            ),
            min_size=4,
            max_size=14,
        )
    )
    def test_conserves_every_fen(self, office: Office, session: Session, steps: list[tuple[str, int, int]]) -> None:
        orders = [office.order(office.buyer, ("GS001-1", 1)) for _ in range(2)]
        numbers = [stray(office, 2500), stray(office, 700)]
        for kind, which, amount_fen in steps:
            order, receipt = orders[which % 2], numbers[which % len(numbers)]
            if kind == "pay":
                numbers.append(office.pay(order, amount_fen))
            elif kind == "place":
                ask(office, f"{receipt}/allocations", {"order_number": order["number"], "amount_fen": amount_fen})
            elif kind == "refund":
                day = business_day().isoformat()
                body = {"amount_fen": amount_fen, "refunded_on": day, "bank_reference": "R"}
                ask(office, f"{receipt}/refunds", body)
            elif kind == "undo":
                for move in read(office, receipt)["moves"]:
                    ask(office, f"{receipt}/moves/{move['id']}/undo", {"reason": "误"})
            else:
                line = {"line_no": 1, "accepted_quantity": "0.5", "reason": "破损"}
                url = f"/api/v1/orders/{order['number']}/receipts"
                office.client.post(url, json={"lines": [line]}, headers=office.buyer)
        session.rollback()

        receipts = session.query(BankReceipt).all()
        assert all(one.amount_fen == one.allocated_fen + one.refunded_fen + one.unallocated_fen for one in receipts)
        assert all(one.unallocated_fen >= 0 for one in receipts)
        left_fen = sum(one.unallocated_fen for one in receipts)
        assert ledger.balance(session, "liability:unallocated") == left_fen == queries.queue(session).amount_fen
        kept_fen = sum(one.amount_fen - one.refunded_fen for one in receipts)
        assert ledger.balance(session, "asset:bank:test") == kept_fen
        placed_fen = sum(one.paid_fen for one in session.query(Order))
        assert placed_fen == sum(one.allocated_fen for one in receipts)
        assert agreement.verify(session).problems == []


class TestCandidates:
    def test_puts_first_what_the_reference_nearly_names_then_amount_then_payer(
        self, office: Office, session: Session
    ) -> None:
        orders = [office.order(office.buyer, ("GS001-1", count)) for count in (1, 2, 3, 4)]
        mistyped = orders[3]["number"][:-1] + ("A" if orders[3]["number"][-1] != "A" else "B")
        number = stray(office, orders[1]["total_fen"], reference=f"货款 {mistyped}")

        receipt = queries.receipt(session, number)
        found = queries.candidates(session, receipt)

        assert [one.order.number for one in found][:2] == [orders[3]["number"], orders[1]["number"]]
        assert (found[0].is_in_reference, found[1].is_same_amount) == (True, True)
        only = queries.candidates(session, receipt, q=orders[0]["number"][3:9].lower())
        assert [one.order.number for one in only] == [orders[0]["number"]]

    @given(st.text(max_size=40))
    def test_takes_no_odd_reference_for_a_number(self, reference: str) -> None:
        assert not rules.resembles("GW7KQ2M8RT4XZ1", reference) or len(reference) >= 10


class TestPages:
    def test_lead_from_the_queue_to_the_order(self, office: Office, session: Session) -> None:
        order = office.order(office.buyer, ("GS001-1", 2))
        receipt = stray(office, order["total_fen"] + 55, payer="兰州某单位")
        client = office.client
        factories.sign_in(client, factories.user(session, role=Role.FINANCE))
        session.rollback()

        queue = client.get("/finance/unallocated").get_data(as_text=True)
        page = client.get(f"/finance/receipts/{receipt}").get_data(as_text=True)
        token = {"csrf_token": factories.csrf_token(page)}
        wrong = client.post(
            f"/finance/receipts/{receipt}/allocations", data=token | {"order_number": order["number"], "amount": "9999"}
        )
        client.post(f"/finance/receipts/{receipt}/allocations", data=token | {"order_number": order["number"]})
        day = business_day().isoformat()
        refund = {"amount": "0.55", "refunded_on": day, "bank_reference": "HK-7", "reason": "多付"}
        client.post(f"/finance/receipts/{receipt}/refunds", data=token | refund)

        assert "兰州某单位" in queue
        assert f"/finance/receipts/{receipt}" in queue
        assert order["number"] in page
        assert wrong.status_code == HTTPStatus.CONFLICT
        assert "只差" in wrong.get_data(as_text=True)
        after = client.get(f"/finance/receipts/{receipt}").get_data(as_text=True)
        assert "HK-7" in after
        assert read(office, receipt)["unallocated_fen"] == 0
        assert "没有待认领的款项" in client.get("/finance/unallocated").get_data(as_text=True)
        assert "没有找到" in client.get("/finance/unallocated?q=nobody").get_data(as_text=True)
