"""The main job from end to end: a canteen buys, a partner's sale is recorded, finance sees both and proves them."""

from http import HTTPStatus
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.db import business_day
from shop.identity.models import Role
from tests import factories


class Person:
    """Somebody with a token who expects one status at a time."""

    def __init__(self, client: FlaskClient, headers: dict[str, str]) -> None:
        self.client, self.headers = client, headers

    def post(self, path: str, body: dict[str, Any] | None = None, *, expect: int = HTTPStatus.CREATED) -> Any:
        answer = self.client.post(
            f"/api/v1{path}", json=body, headers=self.headers | {"Idempotency-Key": factories.key()}
        )
        assert answer.status_code == expect, answer.get_data(as_text=True)
        return answer.get_json()

    def get(self, path: str) -> Any:
        answer = self.client.get(f"/api/v1{path}", headers=self.headers)
        assert answer.status_code == HTTPStatus.OK, answer.get_data(as_text=True)
        return answer.get_json()


@pytest.fixture
def person(client: FlaskClient, session: Session) -> Any:
    def make(role: Role, **home: Any) -> Person:
        place = factories.canteen(session, **home) if role is Role.CANTEEN else None
        return Person(client, factories.bearer(session, factories.user(session, role=role, organisation=place)))

    return make


def sale(reference: str, **overrides: Any) -> dict[str, Any]:
    return {
        "reference": reference,
        "partner": "120000",
        "mode": "assisted",
        "channel": "market",
        "county": "620826",
        "category": "produce",
        "product": "静宁苹果",
        "quantity": "1200",
        "unit": "箱",
        "amount_fen": 81_600_00,
        "sold_on": business_day().isoformat(),
        "buyer": "津门超市",
        "evidence": [{"kind": "contract", "number": "HT-2026-001"}],
    } | overrides


class TestMainJob:
    def test_leads_both_kinds_of_help_into_totals_that_can_be_followed_down(
        self, app: Flask, session: Session, person: Any
    ) -> None:
        factories.stock(session, "GS001-1")
        canteen, officer = person(Role.CANTEEN, code="canteen-j"), person(Role.PARTNER_OFFICER)
        operator, finance = person(Role.OPERATOR), person(Role.FINANCE)

        order = canteen.post("/orders", factories.order_request(("GS001-1", 10), payment_method="on_account"))
        lines = [{"line_no": 1, "accepted_quantity": "9", "reason": "少一箱"}]
        accepted = canteen.post(f"/orders/{order['number']}/receipts", {"lines": lines})
        officer.post("/sales", sale("TJ-1"))
        operator.post("/sales/TJ-1/confirm", expect=HTTPStatus.OK)

        totals = finance.get("/totals?book=aid&by=partner,mode")
        rows = {(row["partner"]["code"], row["mode"]): row["amount_fen"] for row in totals["rows"]}
        assert rows == {("C-nea", "direct"): accepted["accepted_fen"], ("120000", "assisted"): 81_600_00}
        assert totals["total_fen"] == sum(rows.values())
        assert totals["rules"]
        counties = finance.get("/totals?book=aid&by=county")
        assert counties["total_fen"] == totals["total_fen"]

        for source, amount_fen in ((f"order:{order['number']}", accepted["accepted_fen"]), ("sale:TJ-1", 81_600_00)):
            transfers = finance.get(f"/ledger/transfers?source={source}")
            aid = [transfer for transfer in transfers if transfer["book"] == "aid"]
            assert [transfer["amount_fen"] for transfer in aid] == [amount_fen]

        result = app.test_cli_runner().invoke(args=["ledger", "verify"])
        assert result.exit_code == 0, result.output

    def test_takes_a_reversed_sale_back_out(self, person: Any) -> None:
        officer, operator, finance = person(Role.PARTNER_OFFICER), person(Role.OPERATOR), person(Role.FINANCE)
        officer.post("/sales", sale("TJ-2"))
        operator.post("/sales/TJ-2/confirm", expect=HTTPStatus.OK)

        finance.post("/sales/TJ-2/reverse", {"reason": "整单退货"}, expect=HTTPStatus.OK)

        totals = finance.get("/totals?book=aid&by=partner,mode")
        assert (totals["total_fen"], totals["count"]) == (0, 2)
        assert finance.get("/sales/TJ-2")["status"] == "reversed"
