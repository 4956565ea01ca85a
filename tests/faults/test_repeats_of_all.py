"""Every write of the API, sent by twenty at once under one key: one effect, one answer."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.db import business_day
from shop.identity.idempotency import REPLAYED_HEADER
from shop.identity.models import AuditEvent, StoredAnswer
from tests import factories
from tests.assistance.imports.conftest import row, sheet
from tests.assistance.sales import sale_body
from tests.faults.test_repeats import AT_ONCE, NEEDS_NO_KEY
from tests.finance.documents import Office

Asked = tuple[dict[str, str], str, dict[str, Any]]
"""Who asks, for what, with which body or files."""

PARCEL = {"carrier": "ems", "tracking_number": "EB123456789CN"}
REASON = {"reason": "登记有误"}


@pytest.fixture
def office(client: FlaskClient, session: Session) -> Office:
    return Office(client, session)


def _stray(office: Office) -> str:
    return office.pay({"number": "货款"}, 5000)


def _reported(office: Office) -> str:
    reference: str = office.post(office.officer, "/sales", sale_body())["reference"]
    return reference


def _confirmed(office: Office) -> str:
    reference = _reported(office)
    office.post(office.finance, f"/sales/{reference}/confirm")
    return reference


def _shipped(office: Office) -> dict[str, Any]:
    order = office.order(office.buyer)
    office.pay(order, order["total_fen"])
    shipped: dict[str, Any] = office.post(office.operator, f"/orders/{order['number']}/shipments", PARCEL)
    return shipped


def order(office: Office) -> Asked:
    return office.buyer, "/orders", {"json": factories.order_request()}


def cancel(office: Office) -> Asked:
    return office.buyer, f"/orders/{office.order(office.buyer)['number']}/cancel", {}


def acceptance(office: Office) -> Asked:
    placed = office.order(office.canteen, method="on_account")
    lines = [{"line_no": 1, "accepted_quantity": "0.5", "reason": "破损"}]
    return office.canteen, f"/orders/{placed['number']}/receipts", {"json": {"lines": lines}}


def delivery(office: Office) -> Asked:
    return office.buyer, f"/orders/{_shipped(office)['number']}/delivery", {}


def shipment(office: Office) -> Asked:
    placed = office.order(office.canteen, method="on_account")
    return office.operator, f"/orders/{placed['number']}/shipments", {"json": PARCEL}


def withdrawal(office: Office) -> Asked:
    shipped = _shipped(office)
    path = f"/orders/{shipped['number']}/shipments/{shipped['shipments'][0]['id']}/withdraw"
    return office.operator, path, {"json": REASON}


def receipt(office: Office) -> Asked:
    body = {"amount_fen": 77, "paid_on": business_day().isoformat(), "payer": "某付款人", "reference": "货款"}
    return office.finance, "/bank-receipts", {"json": body}


def allocation(office: Office) -> Asked:
    body = {"order_number": office.order(office.buyer)["number"], "amount_fen": 300}
    return office.finance, f"/bank-receipts/{_stray(office)}/allocations", {"json": body}


def refund(office: Office) -> Asked:
    body = {"amount_fen": 300, "refunded_on": business_day().isoformat(), "bank_reference": "R-1"}
    return office.finance, f"/bank-receipts/{_stray(office)}/refunds", {"json": body}


def undoing(office: Office) -> Asked:
    number = _stray(office)
    move = office.refund(number, 400)["moves"][-1]
    return office.finance, f"/bank-receipts/{number}/moves/{move['id']}/undo", {"json": REASON}


def sale(office: Office) -> Asked:
    return office.officer, "/sales", {"json": sale_body()}


def sale_confirmed(office: Office) -> Asked:
    return office.finance, f"/sales/{_reported(office)}/confirm", {}


def sale_rejected(office: Office) -> Asked:
    return office.finance, f"/sales/{_reported(office)}/reject", {"json": REASON}


def sale_reversed(office: Office) -> Asked:
    return office.finance, f"/sales/{_confirmed(office)}/reverse", {"json": REASON}


def sales_sheet(office: Office) -> Asked:
    return office.officer, "/sales/imports", {"file": sheet(row())}


def closing(office: Office) -> Asked:
    return office.finance, "/periods/aid/2021-03/close", {"json": {}}


def reopening(office: Office) -> Asked:
    office.post(office.finance, "/periods/aid/2021-03/close")
    return office.finance, "/periods/aid/2021-03/reopen", {"json": REASON}


WRITES: dict[str, Callable[[Office], Asked]] = {
    "POST /orders": order,
    "POST /orders/<number>/cancel": cancel,
    "POST /orders/<number>/receipts": acceptance,
    "POST /orders/<number>/delivery": delivery,
    "POST /orders/<number>/shipments": shipment,
    "POST /orders/<number>/shipments/<uuid:shipment_id>/withdraw": withdrawal,
    "POST /bank-receipts": receipt,
    "POST /bank-receipts/<number>/allocations": allocation,
    "POST /bank-receipts/<number>/refunds": refund,
    "POST /bank-receipts/<number>/moves/<uuid:move_id>/undo": undoing,
    "POST /sales": sale,
    "POST /sales/<reference>/confirm": sale_confirmed,
    "POST /sales/<reference>/reject": sale_rejected,
    "POST /sales/<reference>/reverse": sale_reversed,
    "POST /sales/imports": sales_sheet,
    "POST /periods/<book>/<month>/close": closing,
    "POST /periods/<book>/<month>/reopen": reopening,
}


def test_every_write_is_here(app: Flask) -> None:
    writes = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"}
        if rule.rule.startswith("/api/")
    }

    assert {door.replace(" ", " /api/v1", 1) for door in WRITES} == writes - NEEDS_NO_KEY


@pytest.mark.parametrize("door", WRITES)
def test_twenty_at_once_have_one_effect(app: Flask, session: Session, office: Office, door: str) -> None:
    who, path, sent = WRITES[door](office)
    session.rollback()
    told_before = session.scalar(sa.select(sa.func.count()).select_from(AuditEvent))
    session.rollback()
    headers = who | {"Idempotency-Key": factories.key()}
    start = Barrier(AT_ONCE)

    def send() -> Any:
        body = dict(sent)
        if "file" in body:
            body = {"data": {"file": (io.BytesIO(body["file"]), "sales.csv")}}
        return app.test_client().post(f"/api/v1{path}", headers=headers, **body)

    def repeat(_: int) -> Any:
        start.wait(timeout=60)
        return send()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(repeat, range(AT_ONCE)))

    done = [answer for answer in answers if answer.status_code < HTTPStatus.BAD_REQUEST]
    refused = [answer for answer in answers if answer.status_code >= HTTPStatus.BAD_REQUEST]
    assert done, refused[0].get_data(as_text=True)
    assert sum(REPLAYED_HEADER not in answer.headers for answer in done) == 1
    assert all("request-running" in answer.get_data(as_text=True) for answer in refused)
    assert len({answer.get_data() for answer in done}) == 1
    again = send()
    assert (again.get_data(), again.headers[REPLAYED_HEADER]) == (done[0].get_data(), "true")
    told = session.scalars(sa.select(AuditEvent).order_by(AuditEvent.id).offset(told_before or 0)).all()
    assert len({event.request_id for event in told}) == 1
    assert session.query(StoredAnswer).filter_by(key=headers["Idempotency-Key"]).count() == 1
