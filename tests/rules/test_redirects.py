"""No address and no form leads a browser to another site, however the other site's name is spelled."""

import re
from http import HTTPStatus
from itertools import product
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from shop.identity.models import Role
from tests import factories

ELSEWHERE = (
    "https://evil.example/",
    "HTTPS://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "http:///evil.example",
    "//evil.example",
    "///evil.example",
    "////evil.example/%2e%2e",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "\x01//evil.example",
    "/\x0b/evil.example",
    "/\u2028/evil.example",
    "//evil.example\\@localhost",
    "//localhost@evil.example",
    "http://localhost@evil.example",
    "http://localhost.evil.example",
    "javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "/%2f/../\\evil.example",
    "/orders\r\nSet-Cookie: a=b",
    "\uff0f\uff0fevil.example",
    "//evil\u3002example",
)


def destination(location: str, path: str) -> str:
    """Return where a browser ends that follows a redirect: it drops tabs and newlines, and turns slashes."""
    assert not re.search(r"[\x00-\x1f\x7f]", location), location
    cleaned = re.sub(r"[\t\r\n]", "", location).strip("\x00 ").replace("\\", "/")
    found = urlsplit(urljoin(f"http://localhost{path}", re.sub(r"^/{2,}", "//", cleaned)))
    return f"{found.scheme}://{found.netloc}"


def assert_stays(answer: TestResponse, path: str) -> None:
    """Check that an answer leads nowhere else."""
    headers = answer.headers
    assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    assert "evil" not in headers.get("Set-Cookie", "")
    for name in ("Location", "Refresh", "Content-Location"):
        assert destination(headers.get(name, ""), path) == "http://localhost", headers.get(name)


_NEW = "another battery staple"
_REGISTRATION = {
    "name": "某人",
    "email": "somebody@example.com",
    "password": factories.PASSWORD,
    "password_confirm": factories.PASSWORD,
}


def forms(role: Role | None) -> list[tuple[str, dict[str, str]]]:
    """Return the forms that lead back to where one was, with what makes them succeed."""
    if role is None:
        return [
            ("/language", {"language": "en"}),
            ("/basket/lines", {"sku": "GS001-1", "quantity": "1"}),
            ("/basket/lines", {"sku": "GS001-1", "quantity": "many"}),
            ("/basket/lines/GS001-1", {"quantity": "2"}),
            ("/register", _REGISTRATION),
            ("/reset", {"email": "somebody@example.com"}),
            ("/confirm", {"email": "somebody@example.com"}),
        ]
    return [
        ("/verify", {"password": factories.PASSWORD}),
        ("/change", {"password": factories.PASSWORD, "new_password": _NEW, "new_password_confirm": _NEW}),
        ("/orders/none/cancel", {}),
        ("/account/organisation", {"code": "none"}),
        ("/people/{user}/active", {"active": "1"}),
    ]


class TestNext:
    def test_of_a_sign_in_stays_on_the_site(self, app: Flask, session: Session) -> None:
        person = factories.user(session)
        for target in ELSEWHERE:
            client = app.test_client()
            token = factories.csrf_token(client.get("/login", query_string={"next": target}).get_data(as_text=True))
            form = {"email": person.email, "password": factories.PASSWORD, "csrf_token": token, "next": target}

            answer = client.post("/login", query_string={"next": target}, data=form)

            assert_stays(answer, "/login")

    @pytest.mark.parametrize("role", [None, Role.OPERATOR], ids=["visitor", "operator"])
    def test_of_a_form_stays_on_the_site(self, app: Flask, session: Session, role: Role | None) -> None:
        person = factories.user(session, role=role) if role else factories.user(session)
        client = app.test_client()
        if role:
            factories.sign_in(client, person)
        for target, (rule, body) in product(ELSEWHERE, forms(role)):
            path = rule.format(user=person.id)
            token = factories.csrf_token(client.get("/confirm").get_data(as_text=True))
            form = body | {"next": target, "csrf_token": token}

            answer = client.post(path, query_string={"next": target}, data=form)

            assert answer.status_code != HTTPStatus.BAD_REQUEST, (path, target)
            assert_stays(answer, path)


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "//evil.example/login",
        "/%2fevil.example",
        "/\\evil.example",
        "//evil.example/..",
        "/login//",
        "/static//evil.example",
    ],
)
def test_an_odd_address_is_no_redirect(client: FlaskClient, path: str) -> None:
    answer = client.get("/", environ_overrides={"PATH_INFO": unquote(path), "RAW_URI": path})

    assert_stays(answer, "/")


@pytest.mark.parametrize("sku", ["GS001-1\r\nSet-Cookie: evil=1", "GS001-1#/../", "\\", "@evil.example", "白"])
def test_what_is_added_to_an_address_cannot_change_it(client: FlaskClient, session: Session, sku: str) -> None:
    factories.stock(session)
    token = factories.csrf_token(client.get("/").get_data(as_text=True))

    answer = client.post("/basket/lines", data={"sku": sku, "quantity": "x", "next": "/", "csrf_token": token})

    assert answer.status_code == 302
    assert answer.location.startswith("/#item-")
    assert_stays(answer, "/basket/lines")


def test_a_forged_host_moves_nobody(client: FlaskClient) -> None:
    for path in ("/account", "/orders", "/finance"):
        answer = client.get(path, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})

        assert answer.location.startswith("/login?next=%2F")
