"""What belongs to one organisation or person does not exist for another: every route with a name in its address."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from shop.assistance.imports.models import SaleImport, SheetFormat
from shop.db import now
from shop.identity import tokens
from shop.identity.models import OrganisationKind, Role, User
from tests import factories
from tests.assistance.sales import sale_body

REASON = {"reason": "某个原因"}
LINES = {"lines": [{"line_no": 1, "accepted_quantity": "1"}]}

OWNED: dict[str, dict[str, dict[str, Any]]] = {
    "order": {
        "GET /orders/<number>": {},
        "POST /orders/<number>/cancel": {},
        "POST /orders/<number>/again": {},
        "GET /orders/<number>/acceptance": {},
        "POST /orders/<number>/acceptance": {"line-1": "1"},
        "POST /orders/<number>/delivery": {},
        "GET /api/v1/orders/<number>": {},
        "POST /api/v1/orders/<number>/cancel": {},
        "POST /api/v1/orders/<number>/payments": {},
        "POST /api/v1/orders/<number>/receipts": LINES,
        "POST /api/v1/orders/<number>/delivery": {},
    },
    "sale": {
        "GET /sales/<reference>": {},
        "POST /sales/<reference>/confirm": {},
        "POST /sales/<reference>/reject": REASON,
        "POST /sales/<reference>/reverse": REASON,
        "GET /api/v1/sales/<reference>": {},
        "POST /api/v1/sales/<reference>/confirm": {},
        "POST /api/v1/sales/<reference>/reject": REASON,
        "POST /api/v1/sales/<reference>/reverse": REASON,
    },
    "sheet": {
        "GET /sales/imports/<uuid:import_id>": {},
        "GET /sales/imports/<uuid:import_id>/progress": {},
        "GET /sales/imports/<uuid:import_id>/verdicts.csv": {},
        "GET /sales/imports/<uuid:import_id>/verdicts.xlsx": {},
        "POST /sales/imports/<uuid:import_id>/cancel": {},
        "POST /sales/imports/<uuid:import_id>/confirm": {},
        "GET /api/v1/sales/imports/<uuid:import_id>": {},
        "GET /api/v1/sales/imports/<uuid:import_id>/verdicts": {},
    },
    "token": {"POST /account/tokens/<uuid:token_id>/revoke": {}},
}
"""Doors to what has an owner, by its kind, each with a body that its owner might send."""

OF_ALL_WHO_MAY = (
    "/static/", "/fs-static/", "/products/", "/api/v1/products/", "/c/", "/categories/", "/places/", "/basket/",
    "/catalogue/", "/finance/", "/api/v1/ledger/", "/api/v1/periods/", "/api/v1/bank-receipts/",
    "/orders/<number>/shipments", "/api/v1/orders/<number>/shipments",
)  # fmt: skip
"""Public, or the platform's own: the matrix of roles is all there is to it."""

BY_A_SECRET = ("/confirm/", "/reset/", "/invitations/", "/tf-setup/")
"""Opened by a secret in the address, whoever brings it."""

WITH_TESTS_OF_THEIR_OWN = (
    "/organisations/", "/people/", "/account/sessions/", "/account/addresses/", "/addresses/", "/api/v1/addresses/",
)  # fmt: skip
"""What an organisation's own people manage: the capability's tests say who may what there."""

DOORS = [(kind, door) for kind, doors in OWNED.items() for door in doors]


@dataclass(frozen=True)
class Two:
    """Somebody who owns a thing, somebody of the same role elsewhere, and the thing's name."""

    owner: User
    stranger: User
    name: str


def an_order(client: FlaskClient, session: Session) -> Two:
    """Make an order of one canteen, and the member of another."""
    factories.stock(session)
    owner = factories.user(session, role=Role.CANTEEN)
    stranger = factories.user(session, role=Role.CANTEEN)
    body = factories.order_request(payment_method="on_account")
    placed = client.post("/api/v1/orders", json=body, headers=factories.bearer(session, owner))
    return Two(owner, stranger, placed.get_json()["number"])


def _officers(session: Session) -> tuple[User, User]:
    elsewhere = factories.organisation(session, kind=OrganisationKind.PARTNER, partner_code="370200")
    return (
        factories.user(session, role=Role.PARTNER_OFFICER),
        factories.user(session, role=Role.PARTNER_OFFICER, organisation=elsewhere),
    )


def a_sale(client: FlaskClient, session: Session) -> Two:
    """Make a sale that Tianjin's officer reported, and Qingdao's officer."""
    owner, stranger = _officers(session)
    reported = client.post("/api/v1/sales", json=sale_body(), headers=factories.bearer(session, owner))
    return Two(owner, stranger, reported.get_json()["reference"])


def a_sheet(_: FlaskClient, session: Session) -> Two:
    """Make a sheet that Tianjin's officer sent, and Qingdao's officer."""
    owner, stranger = _officers(session)
    sheet = SaleImport(
        uploaded_by=owner.id,
        partner_code="120000",
        filename="sales.csv",
        format=SheetFormat.CSV,
        size_bytes=1,
        sha256="0" * 64,
    )
    session.add(sheet)
    session.commit()
    return Two(owner, stranger, str(sheet.id))


def a_token(_: FlaskClient, session: Session) -> Two:
    """Make a person's token, and another person."""
    owner, stranger = factories.user(session), factories.user(session)
    _, token = tokens.make(session, owner.id, at=now())
    session.commit()
    return Two(owner, stranger, str(token.id))


MAKERS: dict[str, Callable[[FlaskClient, Session], Two]] = {
    "order": an_order,
    "sale": a_sale,
    "sheet": a_sheet,
    "token": a_token,
}


def knock(client: FlaskClient, session: Session, who: User, *, door: str, name: str) -> TestResponse:
    """Send `who` to a door with the name of a thing in its address, and a body that fits."""
    method, rule = door.split(" ")
    path = re.sub(r"<[^>]+>", name, rule)
    body = next(doors[door] for doors in OWNED.values() if door in doors)
    if "/api/" in path:
        options = {"json": body} if method == "POST" else {}
        return client.open(path, method=method, headers=factories.bearer(session, who), **options)  # type: ignore[arg-type]  # any option
    factories.sign_in(client, who)
    token = factories.csrf_token(client.get("/account").get_data(as_text=True))
    form = {"data": body | {"csrf_token": token}} if method == "POST" else {}
    # Read to its end, for a file that is sent stays open until then.
    return client.open(path, method=method, buffered=True, **form)  # type: ignore[arg-type]  # any option


def test_every_route_with_a_name_in_its_address_has_its_place(app: Flask) -> None:
    others = (*OF_ALL_WHO_MAY, *BY_A_SECRET, *WITH_TESTS_OF_THEIR_OWN)
    unknown = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        if rule.arguments and not rule.rule.startswith(others)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert unknown == {door for _, door in DOORS}


@pytest.mark.parametrize(("kind", "door"), DOORS, ids=[door for _, door in DOORS])
class TestStranger:
    def test_finds_nothing_where_the_owner_finds_something(
        self, app: Flask, session: Session, kind: str, door: str
    ) -> None:
        two = MAKERS[kind](app.test_client(), session)

        strange = knock(app.test_client(), session, two.stranger, door=door, name=two.name)
        own = knock(app.test_client(), session, two.owner, door=door, name=two.name)

        assert strange.status_code == HTTPStatus.NOT_FOUND
        assert own.status_code != HTTPStatus.NOT_FOUND
        assert own.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
