from decimal import Decimal
from http import HTTPStatus
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

import ledger
from shop.db import business_day
from shop.identity.models import AuditEvent, Role
from shop.procurement import rules
from tests import factories


@pytest.fixture
def canteen(session: Session) -> dict[str, str]:
    factories.stock(session, "GS001-1")
    factories.stock(session, "GS005-1")
    home = factories.canteen(session, code="canteen-1")
    return factories.bearer(session, factories.user(session, role=Role.CANTEEN, organisation=home))


def _place(client: FlaskClient, headers: dict[str, str], method: str = "on_account") -> dict[str, Any]:
    body = factories.order_request(("GS001-1", 10), ("GS005-1", 4), payment_method=method)
    answer = client.post("/api/v1/orders", json=body, headers=headers)
    order: dict[str, Any] = answer.get_json()
    assert answer.status_code == HTTPStatus.CREATED, order
    return order


def _accept(*quantities: object, reason: str | None = "破损") -> dict[str, Any]:
    return {
        "lines": [
            {"line_no": number, "accepted_quantity": quantity, "reason": reason}
            for number, quantity in enumerate(quantities, start=1)
        ]
    }


class TestAcceptGoods:
    def test_bills_and_counts_the_accepted_quantity(
        self, client: FlaskClient, session: Session, canteen: dict[str, str]
    ) -> None:
        order = _place(client, canteen)
        prices = [line["unit_price_fen"] for line in order["lines"]]

        answer = client.post(f"/api/v1/orders/{order['number']}/receipts", json=_accept("9.5", 4), headers=canteen)

        assert answer.status_code == HTTPStatus.CREATED, answer.get_data(as_text=True)
        accepted = answer.get_json()
        expected = prices[0] * 19 // 2 + prices[1] * 4
        assert (accepted["status"], accepted["accepted_fen"]) == ("accepted", expected)
        assert Decimal(accepted["lines"][0]["accepted_quantity"]) == Decimal("9.5")
        assert ledger.balance(session, "asset:receivable:canteen-1") == expected
        assert ledger.totals(session, book="aid", by=("partner",)).total_fen == expected
        earned = sum(row.balance_fen for row in ledger.accounts(session, book="cash", prefix="liability:supplier:"))
        assert earned + ledger.balance(session, "income:commission") == expected
        assert ledger.verify(session).ok

    def test_then_takes_the_payment_of_the_bill(
        self, client: FlaskClient, session: Session, canteen: dict[str, str]
    ) -> None:
        order = _place(client, canteen)
        early = client.post(f"/api/v1/orders/{order['number']}/payments", headers=canteen)
        client.post(f"/api/v1/orders/{order['number']}/receipts", json=_accept(10, 4), headers=canteen)
        due = client.post(f"/api/v1/orders/{order['number']}/payments", headers=canteen).get_json()
        finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        day = business_day().isoformat()

        receipt = client.post(
            "/api/v1/bank-receipts",
            json={"amount_fen": due["amount_fen"], "paid_on": day, "payer": "食堂", "reference": due["reference"]},
            headers=finance,
        )

        assert early.status_code == HTTPStatus.CONFLICT
        assert receipt.get_json()["unallocated_fen"] == 0
        assert ledger.balance(session, "asset:receivable:canteen-1") == 0
        assert ledger.balance(session, "asset:bank:test") == due["amount_fen"]

    def test_takes_a_prepaid_shortfall_out_of_the_assistance(
        self, client: FlaskClient, session: Session, canteen: dict[str, str]
    ) -> None:
        order = _place(client, canteen, method="bank_transfer")
        finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        day = business_day().isoformat()
        client.post(
            "/api/v1/bank-receipts",
            json={"amount_fen": order["total_fen"], "paid_on": day, "payer": "x", "reference": order["number"]},
            headers=finance,
        )

        accepted = client.post(
            f"/api/v1/orders/{order['number']}/receipts", json=_accept(9, 4), headers=canteen
        ).get_json()

        missing = order["lines"][0]["unit_price_fen"]
        assert accepted["accepted_fen"] == order["goods_fen"] - missing
        assert ledger.totals(session, book="aid", by=("partner",)).total_fen == order["goods_fen"] - missing
        assert ledger.balance(session, "liability:prepaid") == 0
        assert ledger.balance(session, "liability:unallocated") == missing, "it waits to be refunded"
        assert ledger.verify(session).ok

    def test_happens_once(self, client: FlaskClient, session: Session, canteen: dict[str, str]) -> None:
        order = _place(client, canteen)
        url = f"/api/v1/orders/{order['number']}/receipts"

        first, second = (client.post(url, json=_accept(10, 4), headers=canteen) for _ in range(2))

        assert (first.status_code, second.status_code) == (HTTPStatus.CREATED, HTTPStatus.CONFLICT)
        assert ledger.totals(session, book="aid", by=("partner",)).total_fen == order["goods_fen"]

    def test_has_one_effect_however_often_it_is_sent(
        self, client: FlaskClient, session: Session, canteen: dict[str, str]
    ) -> None:
        order = _place(client, canteen)
        headers = canteen | {"Idempotency-Key": factories.key()}
        url = f"/api/v1/orders/{order['number']}/receipts"

        first, second = (client.post(url, json=_accept(9, 4), headers=headers) for _ in range(2))

        assert first.status_code == second.status_code == HTTPStatus.CREATED
        assert first.get_json() == second.get_json()
        (event,) = session.query(AuditEvent).filter_by(action="order.accept")
        assert event.subject == f"order:{order['number']}"
        assert event.detail == {"accepted_fen": first.get_json()["accepted_fen"]}

    def test_keeps_a_reason_only_for_what_is_short(
        self, client: FlaskClient, session: Session, canteen: dict[str, str]
    ) -> None:
        order = _place(client, canteen)
        session.rollback()

        accepted = client.post(
            f"/api/v1/orders/{order['number']}/receipts", json=_accept(9, 4), headers=canteen
        ).get_json()

        assert [line["reason"] for line in accepted["lines"]] == ["破损", None]

    @pytest.mark.parametrize("accepted_quantity", [1, 0])
    def test_earns_the_freight_with_the_first_accepted_goods(
        self, client: FlaskClient, session: Session, accepted_quantity: int
    ) -> None:
        factories.stock(session)
        buyer = factories.bearer(session, factories.user(session))
        finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        body = factories.order_request(("GS001-1", 2))
        order = client.post("/api/v1/orders", json=body, headers=buyer).get_json()
        receipt = {"amount_fen": order["total_fen"], "payer": "李梅", "reference": order["number"]}
        receipt["paid_on"] = business_day().isoformat()
        client.post("/api/v1/bank-receipts", json=receipt, headers=finance)

        accepted = client.post(
            f"/api/v1/orders/{order['number']}/receipts", json=_accept(accepted_quantity), headers=buyer
        ).get_json()

        freight_fen = order["freight_fen"] if accepted_quantity else 0
        assert order["freight_fen"] > 0
        assert ledger.balance(session, "income:freight") == freight_fen
        assert ledger.balance(session, "liability:prepaid") == 0
        left_fen = order["total_fen"] - accepted["accepted_fen"] - freight_fen
        assert ledger.balance(session, "liability:unallocated") == left_fen
        assert ledger.totals(session, book="aid", by=()).total_fen == accepted["accepted_fen"]

    def test_posts_nothing_for_nothing(self, client: FlaskClient, session: Session, canteen: dict[str, str]) -> None:
        order = _place(client, canteen)

        answer = client.post(f"/api/v1/orders/{order['number']}/receipts", json=_accept(0, 0), headers=canteen)

        assert answer.get_json()["accepted_fen"] == 0
        assert ledger.totals(session, book="aid", by=("partner",)).count == 0

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (_accept(11, 4), "lines.0.accepted_quantity"),
            (_accept(-1, 4), "lines.0.accepted_quantity"),
            (_accept("1.0005", 4), "lines.0.accepted_quantity"),
            (_accept("NaN", 4), "lines.0.accepted_quantity"),
            (_accept(9, 4, reason=" "), "lines.0.reason"),
            (_accept(10), "lines"),
            (_accept(10, 4, 1), "lines.2.line_no"),
            ({"lines": [{"line_no": 1, "accepted_quantity": 10}] * 2}, "lines.1.line_no"),
            ({"lines": [{"line_no": 1}]}, "lines.0.accepted_quantity"),
        ],
    )
    def test_names_what_is_wrong_and_keeps_nothing(
        self, client: FlaskClient, session: Session, canteen: dict[str, str], body: dict[str, Any], field: str
    ) -> None:
        order = _place(client, canteen)

        answer = client.post(f"/api/v1/orders/{order['number']}/receipts", json=body, headers=canteen)

        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert field in {error["field"] for error in answer.get_json()["errors"]}
        assert ledger.totals(session, book="aid", by=("partner",)).count == 0
        kept = client.get(f"/api/v1/orders/{order['number']}", headers=canteen).get_json()
        assert kept["status"] == "awaiting_acceptance"

    def test_is_for_the_buyer_only(self, client: FlaskClient, session: Session, canteen: dict[str, str]) -> None:
        order = _place(client, canteen)
        url = f"/api/v1/orders/{order['number']}/receipts"
        stranger = factories.bearer(session, factories.user(session, role=Role.CANTEEN))
        operator = factories.bearer(session, factories.user(session, role=Role.OPERATOR))

        assert client.post(url, json=_accept(10, 4), headers=stranger).status_code == HTTPStatus.NOT_FOUND
        assert client.post(url, json=_accept(10, 4), headers=operator).status_code == HTTPStatus.FORBIDDEN


class TestCommission:
    @given(st.integers(0, 10**12), st.integers(0, rules.COMMISSION_WHOLE_BP))
    def test_is_the_exact_share_within_half_a_fen(self, amount_fen: int, commission_bp: int) -> None:
        commission_fen = rules.commission_of(amount_fen, commission_bp)

        error = abs(commission_fen * rules.COMMISSION_WHOLE_BP - amount_fen * commission_bp)
        assert 0 <= commission_fen <= amount_fen
        assert 2 * error <= rules.COMMISSION_WHOLE_BP
