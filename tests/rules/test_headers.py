"""What every answer promises a browser: each route and method, a page, an error, a file, a document of the API."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop import create_app
from shop.config import Settings
from shop.db import db
from shop.identity.models import Role
from tests import factories
from tests.conftest import IsolatedClient
from tests.rules.test_doors import GUARDED, OPEN, knock

DOORS = sorted({*OPEN, *GUARDED})
STATIC = ("/static/", "/fs-static/")
POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
KEPT_BY_A_BROWSER = {
    "GET /suggestions",  # names of goods
    "GET /finance/map/counties.json",  # borders
}
"""Nothing of anybody's: what a browser may keep for a while after the sign-out."""
ENDS_THE_SESSION = ("GET /tf-validate", "POST /tf-validate", "POST /logout")
"""Of a second factor that nobody asked for, the library ends the session."""
HSTS = "Strict-Transport-Security"
FOR_A_YEAR = "max-age=31536000; includeSubDomains"


def promises(headers: Any) -> dict[str, str]:
    """Return what the policy of an answer says, by what it is about."""
    return dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))


def assert_hardened(answer: Any, door: str) -> None:
    """Check the headers that no answer may lack."""
    headers = answer.headers
    assert promises(headers) == POLICY, door
    assert headers["X-Content-Type-Options"] == "nosniff", door
    assert headers["Referrer-Policy"] == "same-origin", door
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin", door
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin", door
    assert "camera=()" in headers["Permissions-Policy"], door
    # Plain HTTP: a browser that were told to come by HTTPS only could not come any more.
    assert HSTS not in headers, door


class TestEveryRoute:
    def test_answers_a_visitor_with_the_headers(self, client: FlaskClient) -> None:
        for door in DOORS:
            answer = knock(client, door, buffered=True)

            assert_hardened(answer, door)
            if not door.startswith(tuple(f"GET {path}" for path in STATIC)):
                assert "public" not in answer.headers["Cache-Control"], door
                assert answer.headers["Cache-Control"].startswith(("private", "no-store")), door

    @pytest.mark.parametrize("role", [Role.FINANCE, Role.OPERATOR])
    def test_leaves_nothing_of_a_signed_in_person_in_a_cache(
        self, client: FlaskClient, session: Session, role: Role
    ) -> None:
        factories.sign_in(client, factories.user(session, role=role))
        pages = [door for door in DOORS if "/api/" not in door and door not in ENDS_THE_SESSION]

        for door in pages:
            answer = knock(client, door, buffered=True)

            assert_hardened(answer, door)
            allowed = "private, max-age=" if door in KEPT_BY_A_BROWSER and answer.status_code == 200 else "no-store"
            if not door.startswith(tuple(f"GET {path}" for path in STATIC)):
                assert answer.headers["Cache-Control"].startswith(allowed), door

    def test_of_the_api_leaves_nothing_in_a_cache(self, client: FlaskClient, session: Session) -> None:
        headers = factories.bearer(session, factories.user(session, role=Role.FINANCE))
        # The last of them ends the token.
        for door in sorted((door for door in DOORS if "/api/" in door), key=lambda door: door.startswith("DELETE")):
            answer = knock(client, door, headers=headers, buffered=True)

            assert answer.headers["Cache-Control"] == "no-store", door


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/no-such-page", 404),
        ("DELETE", "/", 405),
        ("POST", "/login", 400),
        ("GET", "/?q=%00", 422),
        ("GET", "/api/v1/no-such-route", 404),
        ("GET", "/static/css/no-such-file.css", 404),
        ("GET", "/static/img/mark.svg", 200),
        ("GET", "/static/../wsgi.py", 404),
    ],
)
def test_errors_and_files_carry_them_too(client: FlaskClient, method: str, path: str, status: int) -> None:
    with client.open(path, method=method) as answer:
        assert answer.status_code == status
        assert_hardened(answer, path)


def test_a_file_to_keep_is_never_shown_in_the_page(client: FlaskClient, session: Session) -> None:
    factories.sign_in(client, factories.user(session, role=Role.FINANCE))

    for path in ("/audit.csv", "/finance/totals.csv", "/finance/totals.xlsx", "/sales/imports/template.csv"):
        answer = client.get(path, buffered=True)

        assert_hardened(answer, path)
        assert answer.status_code == 200, path
        assert answer.headers["Content-Disposition"].startswith("attachment; filename"), path
        assert not answer.content_type.startswith("text/html"), path


@pytest.fixture
def made(settings: Settings, app: Flask) -> Iterator[list[Flask]]:  # noqa: ARG001  # `app` empties the tables afterwards
    """Return a list for applications; their connections are closed afterwards."""
    apps: list[Flask] = []
    yield apps
    for one in apps:
        with one.app_context():
            db.engine.dispose()


class TestTls:
    @pytest.mark.parametrize(
        ("changes", "forwarded", "told"),
        [
            ({}, "", None),
            ({}, "https", None),  # anybody can say so
            ({"proxies": 1}, "http", None),
            ({"proxies": 1}, "https", FOR_A_YEAR),
            ({"proxies": 1}, "https, http", None),  # what the nearest proxy says counts
            ({"public_url": "https://shop.example.org"}, "", FOR_A_YEAR),
            ({"public_url": "http://shop.example.org"}, "", None),
            ({"secure_cookies": True}, "", None),
        ],
    )
    def test_is_asked_for_only_where_it_is_known_to_work(
        self, made: list[Flask], settings: Settings, changes: dict[str, Any], forwarded: str, told: str | None
    ) -> None:
        made.append(create_app(replace(settings, **changes)))
        headers = {"X-Forwarded-Proto": forwarded} if forwarded else {}

        for path in ("/healthz", "/no-such-page", "/api/v1/no-such-route", "/static/img/mark.svg"):
            with made[0].test_client().get(path, headers=headers) as answer:
                assert answer.headers.get(HSTS) == told, path

    def test_keeps_the_cookie_to_itself(self, made: list[Flask], settings: Settings) -> None:
        made.append(create_app(replace(settings, secure_cookies=True)))
        made[0].test_client_class = IsolatedClient

        cookie = made[0].test_client().get("/login").headers["Set-Cookie"]

        assert cookie.startswith("__Host-session=")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert "Domain=" not in cookie
