from datetime import timedelta
from http import HTTPStatus
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import ledger
from shop.db import business_day
from shop.identity.models import AuditEvent, Role
from shop.orders.models import Order
from tests import factories


def _place(client: FlaskClient, headers: dict[str, str], quantity: int = 4) -> dict[str, Any]:
    answer = client.post("/api/v1/orders", json=factories.order_request(("GS001-1", quantity)), headers=headers)
    order: dict[str, Any] = answer.get_json()
    assert answer.status_code == HTTPStatus.CREATED, order
    return order


def _receipt(amount_fen: int, reference: str, **extra: Any) -> dict[str, Any]:
    day = business_day().isoformat()
    return {"amount_fen": amount_fen, "paid_on": day, "payer": "李梅", "reference": reference} | extra


class TestStartPayment:
    def test_says_whom_to_pay_how_much_and_with_which_reference(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        headers = factories.bearer(session, factories.user(session))
        order = _place(client, headers)

        answer = client.post(f"/api/v1/orders/{order['number']}/payments", headers=headers)

        assert answer.status_code == HTTPStatus.CREATED
        due = answer.get_json()
        assert (due["amount_fen"], due["reference"]) == (order["total_fen"], order["number"])
        assert due["payee"]["name"] == "甘味测试商城"


class TestRecordBankReceipt:
    def test_pays_the_order_and_counts_its_goods_without_freight(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        home = factories.canteen(session)
        buyer = factories.bearer(session, factories.user(session, role=Role.CANTEEN, organisation=home))
        finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        order = _place(client, buyer)

        receipt = client.post(
            "/api/v1/bank-receipts",
            json=_receipt(order["total_fen"], f"货款 {order['number']}"),
            headers=finance,
        )

        assert receipt.status_code == HTTPStatus.CREATED, receipt.get_data(as_text=True)
        assert receipt.get_json()["order_status"] == "paid"
        assert receipt.get_json()["unallocated_fen"] == 0
        assert ledger.balance(session, "liability:prepaid") == order["total_fen"]
        totals = ledger.totals(session, book="aid", by=("partner", "county"))
        assert [(row.key, row.amount_fen) for row in totals.rows] == [
            ({"partner": "C-nea", "county": "621102"}, order["goods_fen"])
        ]

    def test_waits_for_the_rest_of_a_part_and_keeps_what_is_too_much(
        self, client: FlaskClient, session: Session
    ) -> None:
        factories.stock(session)
        buyer = factories.bearer(session, factories.user(session))
        finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        order = _place(client, buyer)
        part = order["total_fen"] - 500

        first = client.post("/api/v1/bank-receipts", json=_receipt(part, order["number"]), headers=finance).get_json()
        counted_early = ledger.totals(session, book="aid", by=("partner",)).total_fen
        session.rollback()
        second = client.post("/api/v1/bank-receipts", json=_receipt(800, order["number"]), headers=finance).get_json()

        assert first["order_status"] == "awaiting_payment"
        assert counted_early == 0
        assert (second["order_status"], second["allocated_fen"], second["unallocated_fen"]) == ("paid", 500, 300)
        assert ledger.balance(session, "liability:unallocated") == 300
        assert ledger.totals(session, book="aid", by=("partner",)).total_fen == order["goods_fen"]

    def test_counts_on_the_day_of_the_last_money_in_whatever_order_it_is_recorded(
        self, client: FlaskClient, session: Session
    ) -> None:
        factories.stock(session)
        buyer = factories.bearer(session, factories.user(session))
        finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        order = _place(client, buyer)
        earlier = (business_day() - timedelta(days=40)).isoformat()

        client.post("/api/v1/bank-receipts", json=_receipt(1, order["number"]), headers=finance)
        rest = _receipt(order["total_fen"] - 1, order["number"], paid_on=earlier)
        answer = client.post("/api/v1/bank-receipts", json=rest, headers=finance)

        assert answer.get_json()["order_status"] == "paid"
        found = ledger.transfers(session, book="aid").rows
        assert [row.effective_on for row in found] == [business_day()]

    def test_counts_on_the_day_of_the_money_and_not_of_its_recording(
        self, client: FlaskClient, session: Session
    ) -> None:
        factories.stock(session)
        buyer = factories.bearer(session, factories.user(session))
        finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        order = _place(client, buyer)
        paid_on = business_day() - timedelta(days=5)
        session.query(Order).update({"placed_on": paid_on - timedelta(days=5)})
        session.commit()

        receipt = _receipt(order["total_fen"], order["number"], paid_on=paid_on.isoformat())
        client.post("/api/v1/bank-receipts", json=receipt, headers=finance)

        assert [row.effective_on for row in ledger.transfers(session, book="aid").rows] == [paid_on]

    def test_never_counts_before_the_day_of_the_order(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        buyer = factories.bearer(session, factories.user(session))
        finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        order = _place(client, buyer)
        earlier = (business_day() - timedelta(days=40)).isoformat()

        client.post(
            "/api/v1/bank-receipts",
            json=_receipt(order["total_fen"], order["number"], paid_on=earlier),
            headers=finance,
        )

        assert [row.effective_on for row in ledger.transfers(session, book="aid").rows] == [business_day()]
        assert [row.effective_on.isoformat() for row in ledger.transfers(session, book="cash").rows] == [earlier]

    def test_counts_no_freight(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        buyer = factories.bearer(session, factories.user(session))
        finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        order = _place(client, buyer, quantity=1)

        client.post("/api/v1/bank-receipts", json=_receipt(order["total_fen"], order["number"]), headers=finance)

        assert order["freight_fen"] > 0
        assert ledger.balance(session, "liability:prepaid") == order["goods_fen"] + order["freight_fen"]
        assert ledger.totals(session, book="aid", by=()).total_fen == order["goods_fen"]

    def test_marks_what_lies_outside_the_pairing(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session, "GS001-1")
        factories.stock(session, "GS005-1")
        buyer = factories.bearer(session, factories.user(session, role=Role.CANTEEN))
        finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        body = factories.order_request(("GS001-1", 1), ("GS005-1", 1))
        order = client.post("/api/v1/orders", json=body, headers=buyer).get_json()

        client.post("/api/v1/bank-receipts", json=_receipt(order["total_fen"], order["number"]), headers=finance)

        totals = ledger.totals(session, book="aid", by=("pairing", "county"))
        assert [(row.key["pairing"], row.key["county"], row.amount_fen) for row in totals.rows] == [
            ("inside", "621121", order["lines"][1]["amount_fen"]),
            ("outside", "621102", order["lines"][0]["amount_fen"]),
        ]

    def test_has_one_effect_however_often_it_is_sent(self, client: FlaskClient, session: Session) -> None:
        finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        headers = finance | {"Idempotency-Key": factories.key()}

        first, second = (client.post("/api/v1/bank-receipts", json=_receipt(100, "x"), headers=headers) for _ in "12")

        assert first.get_json() == second.get_json()
        assert ledger.balance(session, "liability:unallocated") == 100

    def test_believes_the_order_that_finance_names_before_the_reference(
        self, client: FlaskClient, session: Session
    ) -> None:
        factories.stock(session)
        buyer = factories.bearer(session, factories.user(session))
        who = factories.user(session, role=Role.FINANCE)
        named, referred = (_place(client, buyer)["number"] for _ in range(2))

        receipt = client.post(
            "/api/v1/bank-receipts",
            json=_receipt(100, referred, order_number=f" {named[:6].lower()}-{named[6:].replace('0', 'O')} "),
            headers=factories.bearer(session, who),
        ).get_json()

        assert receipt["order_number"] == named
        (event,) = session.query(AuditEvent).filter_by(subject=f"receipt:{receipt['number']}")
        assert (event.action, event.user_id) == ("receipt.record", who.id)
        assert {"amount_fen": 100, "order": named, "allocated_fen": 100}.items() <= event.detail.items()

    def test_refuses_no_money_that_arrived(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        buyer = factories.bearer(session, factories.user(session))
        finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        cancelled = _place(client, buyer)
        client.post(f"/api/v1/orders/{cancelled['number']}/cancel", headers=buyer)
        bodies = [
            _receipt(100, ""),
            _receipt(200, "GW000000000000"),
            _receipt(300, "x", order_number="no such order"),
            _receipt(400, cancelled["number"]),
        ]

        answers = [client.post("/api/v1/bank-receipts", json=body, headers=finance) for body in bodies]

        assert [answer.status_code for answer in answers] == [HTTPStatus.CREATED] * 4
        assert [answer.get_json()["unallocated_fen"] for answer in answers] == [100, 200, 300, 400]
        linked = [answer.get_json()["order_number"] for answer in answers]
        assert linked == [None, None, None, cancelled["number"]], "money for a cancelled order is found by its order"
        assert ledger.balance(session, "liability:unallocated") == 1000
        assert ledger.verify(session).ok

    def test_is_for_finance_only(self, client: FlaskClient, session: Session) -> None:
        for role in (Role.OPERATOR, Role.AUDITOR, Role.CANTEEN, Role.PARTNER_OFFICER):
            headers = factories.bearer(session, factories.user(session, role=role))
            answer = client.post("/api/v1/bank-receipts", json=_receipt(100, "x"), headers=headers)
            assert answer.status_code == HTTPStatus.FORBIDDEN

    def test_refuses_a_day_that_has_not_come(self, client: FlaskClient, session: Session) -> None:
        finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        tomorrow = (business_day() + timedelta(days=1)).isoformat()

        answer = client.post("/api/v1/bank-receipts", json=_receipt(1, "x", paid_on=tomorrow), headers=finance)

        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert answer.get_json()["errors"][0]["field"] == "paid_on"


class TestReceiptPage:
    def test_shows_the_bank_line_and_leads_to_order_and_ledger(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session)
        order = _place(client, factories.bearer(session, factories.user(session)))
        clerk = factories.user(session, role=Role.FINANCE)
        finance = factories.bearer(session, clerk)
        body = _receipt(order["total_fen"] + 7_00, order["number"])
        number = client.post("/api/v1/bank-receipts", json=body, headers=finance).get_json()["number"]
        factories.sign_in(client, clerk)

        page = client.get(f"/finance/receipts/{number}").get_data(as_text=True)

        assert f"/orders/{order['number']}" in page
        assert f"/finance/transfers?source=receipt:{number}" in page
        assert "7.00" in page
        assert client.get("/finance/receipts/BR000").status_code == HTTPStatus.NOT_FOUND
