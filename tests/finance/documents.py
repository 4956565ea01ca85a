"""A little business through the HTTP door, with the documents behind it."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.db import business_day
from shop.identity.models import Role
from tests import factories


class Office:
    """Everybody who makes documents, each with a token."""

    def __init__(self, client: FlaskClient, session: Session) -> None:
        self.client = client
        factories.stock(session, "GS001-1")
        factories.stock(session, "GS003-1")
        canteen = factories.canteen(session)
        self.buyer = factories.bearer(session, factories.user(session))
        self.canteen = factories.bearer(session, factories.user(session, role=Role.CANTEEN, organisation=canteen))
        self.officer = factories.bearer(session, factories.user(session, role=Role.PARTNER_OFFICER))
        self.operator = factories.bearer(session, factories.user(session, role=Role.OPERATOR))
        self.finance = factories.bearer(session, factories.user(session, role=Role.FINANCE))

    def post(self, who: dict[str, str], path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self.client.post(f"/api/v1{path}", json=body, headers=who | {"Idempotency-Key": factories.key()})
        assert answer.status_code in {HTTPStatus.OK, HTTPStatus.CREATED}, answer.get_data(as_text=True)
        return answer.get_json()

    def order(self, who: dict[str, str], *lines: tuple[str, int], method: str = "bank_transfer") -> dict[str, Any]:
        placed: dict[str, Any] = self.post(who, "/orders", factories.order_request(*lines, payment_method=method))
        return placed

    def pay(self, order: dict[str, Any], amount_fen: int, *, days_ago: int = 0) -> str:
        day = (business_day() - timedelta(days=days_ago)).isoformat()
        receipt = {"amount_fen": amount_fen, "paid_on": day, "payer": "某付款人", "reference": order["number"]}
        number: str = self.post(self.finance, "/bank-receipts", receipt)["number"]
        return number

    def place(self, receipt: str, order: dict[str, Any], amount_fen: int | None = None) -> dict[str, Any]:
        body = {"order_number": order["number"], "amount_fen": amount_fen}
        placed: dict[str, Any] = self.post(self.finance, f"/bank-receipts/{receipt}/allocations", body)
        return placed

    def refund(self, receipt: str, amount_fen: int) -> dict[str, Any]:
        body = {"amount_fen": amount_fen, "refunded_on": business_day().isoformat(), "bank_reference": "R-1"}
        sent: dict[str, Any] = self.post(self.finance, f"/bank-receipts/{receipt}/refunds", body)
        return sent

    def undo(self, receipt: str, move: dict[str, Any]) -> None:
        self.post(self.finance, f"/bank-receipts/{receipt}/moves/{move['id']}/undo", {"reason": "放错订单"})

    def accept(self, who: dict[str, str], order: dict[str, Any], *quantities: str) -> None:
        lines = [
            {"line_no": number, "accepted_quantity": quantity, "reason": "途中破损"}
            for number, quantity in enumerate(quantities, start=1)
        ]
        self.post(who, f"/orders/{order['number']}/receipts", {"lines": lines})

    def deliver(self, who: dict[str, str], order: dict[str, Any]) -> None:
        parcel = {"carrier": "ems", "tracking_number": "EB123456789CN"}
        self.post(self.operator, f"/orders/{order['number']}/shipments", parcel)
        self.post(who, f"/orders/{order['number']}/delivery")

    def sale(self, reference: str, **overrides: Any) -> None:
        body = {
            "reference": reference,
            "partner": "120000",
            "mode": "assisted",
            "channel": "market",
            "county": "620826",
            "category": "produce",
            "product": "静宁苹果",
            "quantity": "12",
            "unit": "箱",
            "amount_fen": 81_601,
            "sold_on": (business_day() - timedelta(days=9)).isoformat(),
            "buyer": "津门超市",
            "evidence": [{"kind": "contract", "number": f"HT-{reference}"}],
        }
        self.post(self.officer, "/sales", body | overrides)
        self.post(self.finance, f"/sales/{reference}/confirm")


def make_all(client: FlaskClient, session: Session) -> None:
    """Make one document of every kind that posts, with shortfalls, part payments, too much and late money."""
    office = Office(client, session)
    prepaid = office.order(office.buyer, ("GS001-1", 1), ("GS001-1", 1), ("GS003-1", 1))
    office.pay(prepaid, 1000)
    office.pay(prepaid, prepaid["total_fen"], days_ago=2)
    office.accept(office.buyer, prepaid, "0.333", "0", "1")
    office.pay(prepaid, 77)
    refused = office.order(office.buyer, ("GS001-1", 1))
    office.pay(refused, refused["total_fen"])
    office.accept(office.buyer, refused, "0")
    on_account = office.order(office.canteen, ("GS001-1", 3), ("GS003-1", 2), method="on_account")
    office.accept(office.canteen, on_account, "2.005", "2")
    office.pay(on_account, 500)
    nothing = office.order(office.canteen, ("GS001-1", 1), method="on_account")
    office.accept(office.canteen, nothing, "0")
    delivered = office.order(office.buyer, ("GS001-1", 1))
    office.pay(delivered, delivered["total_fen"], days_ago=1)
    office.deliver(office.buyer, delivered)
    cancelled = office.order(office.buyer, ("GS003-1", 1))
    office.post(office.buyer, f"/orders/{cancelled['number']}/cancel")
    office.pay(cancelled, 4321)
    office.pay(office.order(office.buyer, ("GS003-1", 5)), 100)
    _move_money(office)
    office.sale("T-1")
    office.sale("T-2", county="unknown")
    office.sale("T-3", county="620981")
    office.post(office.finance, "/sales/T-3/reverse", {"reason": "整单退货"})


def _move_money(office: Office) -> None:
    """Place, take back and refund money that waits, and undo each where it may be."""
    paid = office.order(office.buyer, ("GS003-1", 2))
    stray = office.pay({"number": "货款"}, paid["total_fen"] + 900, days_ago=3)
    part = office.place(stray, paid, 300)
    office.undo(stray, part["moves"][-1])
    office.place(stray, paid)
    office.undo(stray, office.refund(stray, 400)["moves"][-1])
    office.refund(stray, 600)
    direct = office.order(office.buyer, ("GS003-1", 1))
    receipt = office.pay(direct, 700)
    office.undo(receipt, office.client.get(f"/api/v1/bank-receipts/{receipt}", headers=office.finance).json["moves"][0])
    short = office.order(office.buyer, ("GS001-1", 2))
    office.place(office.pay({"number": "?"}, short["total_fen"]), short)
    office.accept(office.buyer, short, "1")
    billed = office.order(office.canteen, ("GS003-1", 2), method="on_account")
    office.accept(office.canteen, billed, "2")
    moved = office.place(office.pay({"number": "食堂"}, 5000), billed, 1200)
    office.undo(moved["number"], moved["moves"][-1])
