"""Orders that wait to be shipped, through the HTTP door."""

from http import HTTPStatus
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.db import business_day
from shop.identity.models import Role
from tests import factories

PARCEL = {"carrier": "sf", "tracking_number": "SF1234567890"}

Headers = dict[str, str]


class Counter:
    """A buyer, a canteen, an operator and finance, each with a token, and goods on the shelf."""

    def __init__(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session, "GS001-1")
        self.client = client
        self.person = factories.user(session)
        self.staff = factories.user(session, role=Role.OPERATOR)
        self.cook = factories.user(session, role=Role.CANTEEN)
        self.buyer = factories.bearer(session, self.person)
        self.operator = factories.bearer(session, self.staff)
        self.canteen = factories.bearer(session, self.cook)
        self.finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        session.rollback()

    def place(self, who: Headers, *, method: str = "bank_transfer", packs: int = 2) -> dict[str, Any]:
        body = factories.order_request(("GS001-1", packs), payment_method=method)
        return self._made(self.client.post("/api/v1/orders", json=body, headers=who))

    def pay(self, order: dict[str, Any]) -> dict[str, Any]:
        receipt = {"amount_fen": order["total_fen"], "payer": "李梅", "reference": order["number"]}
        receipt["paid_on"] = business_day().isoformat()
        self._made(self.client.post("/api/v1/bank-receipts", json=receipt, headers=self.finance))
        return order

    def ship(self, order: dict[str, Any], **overrides: Any) -> Any:
        url = f"/api/v1/orders/{order['number']}/shipments"
        return self.client.post(url, json=PARCEL | overrides, headers=self.operator)

    def shipped(self, order: dict[str, Any], **overrides: Any) -> dict[str, Any]:
        return self._made(self.ship(order, **overrides))

    def withdraw(self, shipped: dict[str, Any], reason: str = "运单号填错") -> Any:
        shipment = shipped["shipments"][0]["id"]
        url = f"/api/v1/orders/{shipped['number']}/shipments/{shipment}/withdraw"
        return self.client.post(url, json={"reason": reason}, headers=self.operator)

    def deliver(self, order: dict[str, Any], who: Headers) -> Any:
        return self.client.post(f"/api/v1/orders/{order['number']}/delivery", headers=who)

    def _made(self, answer: Any) -> dict[str, Any]:
        assert answer.status_code == HTTPStatus.CREATED, answer.get_data(as_text=True)
        made: dict[str, Any] = answer.get_json()
        return made
