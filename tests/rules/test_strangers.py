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
from shop.identity.actor import actor_for
from shop.identity.models import Organisation, OrganisationKind, Role, User
from shop.identity.organisations import invitations
from shop.identity.signin import sessions
from shop.orders.addresses import service as addresses
from shop.orders.service import ShipTo
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
    "session": {"POST /account/sessions/<uuid:session_id>/end": {}},
    "address": {
        "GET /account/addresses/<uuid:address_id>": {},
        "POST /account/addresses/<uuid:address_id>": factories.SHIP_TO,
        "POST /account/addresses/<uuid:address_id>/remove": {},
    },
    "organisation": {
        "GET /organisations/<code>": {},
        "POST /organisations/<code>/invitations": {"email": "guest@example.com", "role": "canteen"},
    },
    "invitation": {"POST /organisations/<code>/invitations/<uuid:invitation_id>/revoke": {}},
    "member": {"POST /organisations/<code>/members/<uuid:user_id>/roles": {"role": "administrator"}},
    "clerk of the platform": {"POST /people/<uuid:user_id>/active": {}},
}
"""Doors to what has an owner, by its kind, each with a body that its owner might send."""

OF_ALL_WHO_MAY = (
    "/static/", "/fs-static/", "/products/", "/api/v1/products/", "/c/", "/categories/", "/places/", "/basket/",
    "/catalogue/", "/finance/", "/api/v1/ledger/", "/api/v1/periods/", "/api/v1/bank-receipts/",
    "/orders/<number>/shipments", "/api/v1/orders/<number>/shipments", "/organisations/<code>/edit",
)  # fmt: skip
"""Public, or the platform's own: the matrix of roles is all there is to it."""

BY_A_SECRET = ("/confirm/", "/reset/", "/invitations/", "/tf-setup/")
"""Opened by a secret in the address, whoever brings it."""

DOORS = [(kind, door) for kind, doors in OWNED.items() for door in doors]


@dataclass(frozen=True)
class Two:
    """Somebody who owns a thing, somebody of the same role elsewhere, and what stands for the thing in an address."""

    owner: User
    stranger: User
    names: tuple[str, ...]
    detour: tuple[str, ...] | None = None
    """The thing by way of what is the stranger's own."""


def an_order(client: FlaskClient, session: Session) -> Two:
    """Make an order of one canteen, and the member of another."""
    factories.stock(session)
    owner = factories.user(session, role=Role.CANTEEN)
    stranger = factories.user(session, role=Role.CANTEEN)
    body = factories.order_request(payment_method="on_account")
    placed = client.post("/api/v1/orders", json=body, headers=factories.bearer(session, owner))
    return Two(owner, stranger, (placed.get_json()["number"],))


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
    return Two(owner, stranger, (reported.get_json()["reference"],))


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
    return Two(owner, stranger, (str(sheet.id),))


def a_token(_: FlaskClient, session: Session) -> Two:
    """Make a person's token, and another person."""
    owner, stranger = factories.user(session), factories.user(session)
    _, token = tokens.make(session, owner.id, at=now())
    session.commit()
    return Two(owner, stranger, (str(token.id),))


def a_session(_: FlaskClient, session: Session) -> Two:
    """Sign a person in somewhere, and make another person."""
    owner, stranger = factories.user(session), factories.user(session)
    begun = sessions.start(session, owner, address="127.0.0.1", agent="", at=now())
    session.commit()
    return Two(owner, stranger, (str(begun.id),))


def an_address(_: FlaskClient, session: Session) -> Two:
    """Make a person with an address, and another person."""
    owner, stranger = factories.user(session), factories.user(session)
    ship_to = ShipTo(**factories.SHIP_TO)
    saved = addresses.save(session, actor_for(session, owner), ship_to, as_default=True)
    session.commit()
    return Two(owner, stranger, (str(saved.id),))


def _administrators(session: Session) -> tuple[User, User, tuple[str, str]]:
    """Return the administrators of two canteens, and the canteens' codes."""
    ours, theirs = factories.canteen(session), factories.canteen(session)
    owner, stranger = (factories.user(session, role=Role.ADMINISTRATOR, organisation=home) for home in (ours, theirs))
    return owner, stranger, (ours.code, theirs.code)


def an_organisation(_: FlaskClient, session: Session) -> Two:
    """Make two canteens with an administrator each."""
    owner, stranger, (code, _) = _administrators(session)
    return Two(owner, stranger, (code,))


def an_invitation(_: FlaskClient, session: Session) -> Two:
    """Make an invitation to one canteen; the other's administrator tries by way of the other's address too."""
    owner, stranger, (code, elsewhere) = _administrators(session)
    home = session.query(Organisation).filter_by(code=code).one()
    actor = actor_for(session, owner)
    made = invitations.invite(session, actor, home, email="guest@example.com", role=Role.CANTEEN, at=now())
    session.commit()
    return Two(owner, stranger, (code, str(made.id)), (elsewhere, str(made.id)))


def a_member(_: FlaskClient, session: Session) -> Two:
    """Make a clerk of one canteen; the other's administrator tries by way of the other's address too."""
    owner, stranger, (code, elsewhere) = _administrators(session)
    home = session.query(Organisation).filter_by(code=code).one()
    member = factories.user(session, role=Role.CANTEEN, organisation=home)
    return Two(owner, stranger, (code, str(member.id)), (elsewhere, str(member.id)))


def a_clerk_of_the_platform(_: FlaskClient, session: Session) -> Two:
    """Make one of the platform's own people, its administrator, and a canteen's administrator."""
    platform = factories.organisation(session, kind=OrganisationKind.PLATFORM)
    owner = factories.user(session, role=Role.ADMINISTRATOR, organisation=platform)
    clerk = factories.user(session, role=Role.FINANCE, organisation=platform)
    return Two(owner, factories.user(session, role=Role.ADMINISTRATOR), (str(clerk.id),))


MAKERS: dict[str, Callable[[FlaskClient, Session], Two]] = {
    "order": an_order,
    "sale": a_sale,
    "sheet": a_sheet,
    "token": a_token,
    "session": a_session,
    "address": an_address,
    "organisation": an_organisation,
    "invitation": an_invitation,
    "member": a_member,
    "clerk of the platform": a_clerk_of_the_platform,
}


def knock(client: FlaskClient, session: Session, who: User, *, door: str, names: tuple[str, ...]) -> TestResponse:
    """Send `who` to a door with the name of a thing in its address, and a body that fits."""
    method, rule = door.split(" ")
    left = iter(names)
    path = re.sub(r"<[^>]+>", lambda _: next(left), rule)
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
    others = (*OF_ALL_WHO_MAY, *BY_A_SECRET)
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

        tried = [
            knock(app.test_client(), session, two.stranger, door=door, names=names).status_code
            for names in (two.names, two.detour)
            if names is not None
        ]
        own = knock(app.test_client(), session, two.owner, door=door, names=two.names)

        assert set(tried) == {HTTPStatus.NOT_FOUND}
        assert own.status_code != HTTPStatus.NOT_FOUND
        assert own.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
