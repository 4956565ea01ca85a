"""Who may open which door: every route of the application, for every kind of person."""

import re
from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from shop.identity.models import Role, User
from tests import factories

Who = Role | None
"""A role; None for a person without any."""

EVERYBODY = frozenset({None, *Role})
OPERATOR = frozenset({Role.OPERATOR})
FINANCE = frozenset({Role.FINANCE})
MANAGERS = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})
LEDGER = frozenset({Role.FINANCE, Role.AUDITOR})
SALES = frozenset({Role.PARTNER_OFFICER, Role.OPERATOR, Role.FINANCE, Role.AUDITOR})
REPORTERS = frozenset({Role.PARTNER_OFFICER, Role.OPERATOR})

OPEN = {
    "GET /", "GET /categories/<code>", "GET /places/<code>", "GET /calendar", "GET /suggestions",
    "GET /products/<product_id>", "GET /c/<code>", "GET /healthz", "GET /readyz", "GET /metrics",
    "GET /static/<path:filename>", "GET /fs-static/<path:filename>", "GET /basket", "POST /basket/lines",
    "POST /basket/lines/<sku_code>",
    "POST /language", "GET /login", "POST /login", "GET /tf-validate", "POST /tf-validate", "GET /tf-rescue",
    "POST /tf-rescue", "GET /tf-setup", "POST /tf-setup", "POST /tf-setup/<token>", "GET /tf-select", "POST /tf-select",
    "GET /demo/mails", "GET /invitations/<token>", "POST /invitations/<token>", "GET /register", "POST /register",
    "GET /confirm", "POST /confirm", "GET /confirm/<token>", "POST /confirm/<token>", "GET /reset", "POST /reset",
    "GET /reset/<token>", "POST /reset/<token>",
    "POST /logout", "GET /api/v1/docs", "GET /api/v1/openapi.json", "GET /api/v1/products",
    "GET /api/v1/products/<product_id>", "POST /api/v1/tokens",
}  # fmt: skip
"""For visitors too. The library's steps of a sign-in send away whoever is not in the middle of one."""

GUARDED: dict[str, frozenset[Who]] = {
    "GET /account": EVERYBODY,
    "POST /account/organisation": EVERYBODY,
    "GET /account/addresses": EVERYBODY,
    "POST /account/addresses": EVERYBODY,
    "GET /account/addresses/<uuid:address_id>": EVERYBODY,
    "POST /account/addresses/<uuid:address_id>": EVERYBODY,
    "POST /account/addresses/<uuid:address_id>/remove": EVERYBODY,
    "GET /organisations": OPERATOR,
    "GET /organisations/new": OPERATOR,
    "POST /organisations/new": OPERATOR,
    "GET /organisations/<code>/edit": OPERATOR,
    "POST /organisations/<code>/edit": OPERATOR,
    "GET /organisations/<code>": MANAGERS,
    "POST /organisations/<code>/invitations": MANAGERS,
    "POST /organisations/<code>/invitations/<uuid:invitation_id>/revoke": MANAGERS,
    "POST /organisations/<code>/members/<uuid:user_id>/roles": MANAGERS,
    "GET /people": OPERATOR,
    "POST /people/<uuid:user_id>/active": MANAGERS,
    "POST /account/sessions/end-others": EVERYBODY,
    "POST /account/sessions/<uuid:session_id>/end": EVERYBODY,
    "POST /account/tokens": EVERYBODY,
    "POST /account/tokens/<uuid:token_id>/revoke": EVERYBODY,
    "GET /change": EVERYBODY,
    "POST /change": EVERYBODY,
    "GET /verify": EVERYBODY,
    "POST /verify": EVERYBODY,
    "GET /checkout": EVERYBODY,
    "POST /checkout": EVERYBODY,
    "GET /orders": EVERYBODY,
    "GET /orders/<number>": EVERYBODY,
    "POST /orders/<number>/cancel": EVERYBODY,
    "POST /orders/<number>/again": EVERYBODY,
    "GET /orders/<number>/acceptance": EVERYBODY,
    "POST /orders/<number>/acceptance": EVERYBODY,
    "POST /orders/<number>/delivery": EVERYBODY,
    "GET /operator/shipping": OPERATOR,
    "GET /orders/<number>/shipments": OPERATOR,
    "POST /orders/<number>/shipments": OPERATOR,
    "POST /orders/<number>/shipments/<uuid:shipment_id>/withdraw": OPERATOR,
    "GET /catalogue/stock": OPERATOR,
    "POST /catalogue/stock/<sku_code>": OPERATOR,
    "GET /catalogue/low-stock": OPERATOR,
    "GET /catalogue/stock/<sku_code>": OPERATOR,
    "POST /catalogue/stock/<sku_code>/corrections": OPERATOR,
    "POST /catalogue/stock/<sku_code>/alert": OPERATOR,
    "GET /sales": SALES,
    "GET /sales/new": REPORTERS,
    "POST /sales/new": REPORTERS,
    "GET /sales/imports": SALES,
    "POST /sales/imports": REPORTERS,
    "GET /sales/imports/template.csv": SALES,
    "GET /sales/imports/template.xlsx": SALES,
    "GET /sales/imports/<uuid:import_id>": SALES,
    "GET /sales/imports/<uuid:import_id>/progress": SALES,
    "GET /sales/imports/<uuid:import_id>/verdicts.csv": SALES,
    "GET /sales/imports/<uuid:import_id>/verdicts.xlsx": SALES,
    "POST /sales/imports/<uuid:import_id>/cancel": SALES,
    "POST /sales/imports/<uuid:import_id>/confirm": SALES,
    "GET /sales/<reference>": SALES,
    "POST /sales/<reference>/confirm": SALES,
    "POST /sales/<reference>/reject": SALES,
    "POST /sales/<reference>/reverse": SALES,
    "GET /finance/receipts": LEDGER,
    "GET /finance/receipts/<number>": LEDGER,
    "POST /finance/receipts": FINANCE,
    "GET /finance/unallocated": LEDGER,
    "POST /finance/receipts/<number>/allocations": FINANCE,
    "POST /finance/receipts/<number>/refunds": FINANCE,
    "POST /finance/receipts/<number>/moves/<uuid:move_id>/undo": FINANCE,
    "GET /finance": LEDGER,
    "GET /operator": OPERATOR,
    "GET /finance/totals": SALES,
    "GET /finance/totals.csv": SALES,
    "GET /finance/totals.xlsx": SALES,
    "GET /finance/map/counties.json": SALES,
    "GET /finance/declared": SALES,
    "GET /finance/transfers": LEDGER,
    "GET /finance/transfers.csv": LEDGER,
    "GET /finance/transfers.xlsx": LEDGER,
    "GET /finance/accounts": LEDGER,
    "GET /finance/accounts/<path:code>": LEDGER,
    "GET /finance/months": LEDGER,
    "GET /finance/months/<book>/<month>": LEDGER,
    "POST /finance/months/<book>/<month>/close": FINANCE,
    "POST /finance/months/<book>/<month>/reopen": FINANCE,
    "GET /audit": LEDGER,
    "GET /audit.csv": LEDGER,
    "GET /finance/verify": LEDGER,
    "POST /finance/verify": LEDGER,
    "DELETE /api/v1/tokens/current": EVERYBODY,
    "GET /api/v1/orders": EVERYBODY,
    "POST /api/v1/orders": EVERYBODY,
    "GET /api/v1/orders/<number>": EVERYBODY,
    "POST /api/v1/orders/<number>/cancel": EVERYBODY,
    "POST /api/v1/orders/<number>/payments": EVERYBODY,
    "POST /api/v1/orders/<number>/receipts": EVERYBODY,
    "POST /api/v1/orders/<number>/delivery": EVERYBODY,
    "POST /api/v1/orders/<number>/shipments": OPERATOR,
    "POST /api/v1/orders/<number>/shipments/<uuid:shipment_id>/withdraw": OPERATOR,
    "POST /api/v1/bank-receipts": FINANCE,
    "GET /api/v1/bank-receipts/<number>": LEDGER,
    "POST /api/v1/bank-receipts/<number>/allocations": FINANCE,
    "POST /api/v1/bank-receipts/<number>/refunds": FINANCE,
    "POST /api/v1/bank-receipts/<number>/moves/<uuid:move_id>/undo": FINANCE,
    "GET /api/v1/sales": SALES,
    "POST /api/v1/sales": SALES,
    "POST /api/v1/sales/imports": REPORTERS,
    "GET /api/v1/sales/imports/<uuid:import_id>": SALES,
    "GET /api/v1/sales/imports/<uuid:import_id>/verdicts": SALES,
    "GET /api/v1/sales/<reference>": SALES,
    "POST /api/v1/sales/<reference>/confirm": SALES,
    "POST /api/v1/sales/<reference>/reject": SALES,
    "POST /api/v1/sales/<reference>/reverse": SALES,
    "GET /api/v1/totals": SALES,
    "GET /api/v1/ledger/transfers": LEDGER,
    "GET /api/v1/ledger/accounts": LEDGER,
    "GET /api/v1/ledger/accounts/<code>/statement": LEDGER,
    "GET /api/v1/ledger/head": LEDGER,
    "GET /api/v1/audit": LEDGER,
    "GET /api/v1/periods": LEDGER,
    "POST /api/v1/periods/<book>/<month>/close": FINANCE,
    "POST /api/v1/periods/<book>/<month>/reopen": FINANCE,
}
"""What a door asks for at its threshold. What exists behind it for whom is each capability's own rule and test."""

PAGES = [door for door in GUARDED if "/api/" not in door]
API = [door for door in GUARDED if "/api/" in door]
FORMS = [door for door in (*sorted(OPEN), *PAGES) if door.startswith("POST") and "/api/" not in door]


def knock(client: FlaskClient, door: str, **options: object) -> TestResponse:
    """Send an empty request to a door, with a stand-in for every part of its address."""
    method, rule = door.split(" ")
    path = re.sub(r"<uuid:\w+>", str(UUID(int=0)), rule)
    return client.open(re.sub(r"<[^>]+>", "none", path), method=method, **options)  # type: ignore[arg-type]  # any option


def is_problem(answer: TestResponse) -> bool:
    """Tell whether the answer is an RFC 9457 problem document that names its own status."""
    document = answer.get_json(silent=True) or {}
    return answer.content_type == "application/problem+json" and document.get("status") == answer.status_code


@pytest.fixture
def person(session: Session) -> Callable[[Who], User]:
    """Return a function that makes a person with a role."""
    return lambda role: factories.user(session, role=role)


def test_every_route_has_its_place_in_the_table(app: Flask) -> None:
    doors = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert doors == OPEN | set(GUARDED)


@pytest.mark.parametrize("door", sorted(OPEN))
def test_an_open_door_neither_breaks_nor_sends_to_sign_in_as_refused(client: FlaskClient, door: str) -> None:
    answer = knock(client, door)

    assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    assert answer.status_code not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class TestVisitor:
    @pytest.mark.parametrize("door", [door for door in PAGES if door.startswith("GET")])
    def test_is_sent_to_sign_in_by_a_page(self, client: FlaskClient, door: str) -> None:
        answer = knock(client, door)

        assert answer.status_code in {HTTPStatus.FOUND, HTTPStatus.SEE_OTHER}
        assert answer.location.startswith(("/login", "/verify"))

    @pytest.mark.parametrize("door", API)
    def test_is_refused_by_the_api_whatever_the_body(self, client: FlaskClient, door: str) -> None:
        answer = knock(client, door)

        assert answer.status_code == HTTPStatus.UNAUTHORIZED
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert is_problem(answer)


@pytest.mark.parametrize("role", sorted(EVERYBODY, key=str))
class TestPerson:
    def test_is_let_in_by_the_api_as_the_role_permits(
        self, client: FlaskClient, session: Session, person: Callable[[Who], User], role: Who
    ) -> None:
        headers = factories.bearer(session, person(role))

        # The last of them ends the token.
        for door in sorted(API, key=lambda door: door.startswith("DELETE")):
            answer = knock(client, door, headers=headers)

            assert (answer.status_code == HTTPStatus.FORBIDDEN) == (role not in GUARDED[door]), door
            assert answer.status_code != HTTPStatus.UNAUTHORIZED, door
            assert answer.status_code < HTTPStatus.BAD_REQUEST or is_problem(answer), door

    def test_is_let_in_by_a_page_as_the_role_permits(
        self, client: FlaskClient, person: Callable[[Who], User], role: Who
    ) -> None:
        factories.sign_in(client, person(role))
        token = factories.csrf_token(client.get("/account").get_data(as_text=True))

        for door in PAGES:
            form = {"data": {"csrf_token": token}} if door.startswith("POST") else {}
            answer = knock(client, door, **form)

            assert (answer.status_code == HTTPStatus.FORBIDDEN) == (role not in GUARDED[door]), door
            assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR, door
            assert not (answer.location or "").startswith("/login"), door

    def test_finds_that_the_api_does_not_read_the_session(
        self, client: FlaskClient, person: Callable[[Who], User], role: Who
    ) -> None:
        factories.sign_in(client, person(role))

        assert {knock(client, door).status_code for door in API} == {HTTPStatus.UNAUTHORIZED}


@pytest.mark.parametrize("door", FORMS)
@pytest.mark.parametrize("form", [{}, {"csrf_token": "forged"}], ids=["without token", "forged token"])
def test_every_form_needs_its_token(
    client: FlaskClient, person: Callable[[Who], User], door: str, form: dict[str, str]
) -> None:
    roles = GUARDED.get(door, EVERYBODY)
    factories.sign_in(client, person(min(roles, key=str)))

    answer = knock(client, door, data=form)

    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert "页面已过期" in answer.get_data(as_text=True)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE", "INVENTED"])
@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/bank-receipts", "/api/v1/sales/none/confirm"])
def test_the_api_refuses_a_wrong_address_or_method_with_a_problem(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(path, method=method)

    assert answer.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
    assert is_problem(answer)


def test_the_description_of_the_api_gives_errors_their_type_and_answers_theirs(client: FlaskClient) -> None:
    description = client.get("/api/v1/openapi.json").get_json()
    errors = description["components"]["responses"].values()
    answers = [
        answer
        for path in description["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
        for answer in operation["responses"].values()
        if "content" in answer
    ]

    assert {name for error in errors for name in error["content"]} == {"application/problem+json"}
    assert {name for answer in answers for name in answer["content"]} == {"application/json"}
    order = description["components"]["schemas"]["Order"]["properties"]
    assert order["organisation"]["type"] == ["string", "null"]
    line = description["components"]["schemas"]["Line"]["properties"]
    assert line["accepted_quantity"]["type"] == ["string", "null"]
