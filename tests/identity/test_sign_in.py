"""Signing in and out through the browser's door."""

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_security import hash_password
from sqlalchemy.orm import Session

from shop import create_app
from shop.config import Settings
from shop.db import db
from shop.identity import service
from shop.identity.models import AuditEvent, Role
from shop.identity.setup import limiter
from tests import factories
from tests.conftest import IsolatedClient


def log_in(client: FlaskClient, email: str, password: str = factories.PASSWORD, *, next_page: str = "") -> str:
    """Send the login form and return where it leads; nothing when it is shown again."""
    page = client.get("/login", query_string={"next": next_page} if next_page else {}).get_data(as_text=True)
    form = {"email": email, "password": password, "csrf_token": factories.csrf_token(page), "next": next_page}
    return client.post("/login", data=form).location or ""


def account(client: FlaskClient) -> int:
    """Return the status of the account page: 200 for whoever is signed in."""
    return client.get("/account").status_code


class TestSignIn:
    def test_opens_the_account_page(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)

        assert log_in(client, user.email.upper()) == "/"

        page = client.get("/account").get_data(as_text=True)
        assert user.email in page
        assert user.name in page

    def test_leaves_a_trace(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)

        log_in(client, user.email)

        event = session.query(AuditEvent).filter_by(action="user.signed_in").one()
        assert event.user_id == user.id
        assert event.detail["address"] == "127.0.0.1"

    def test_tells_a_wrong_password_and_an_unknown_address_alike(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        token = factories.csrf_token(client.get("/login").get_data(as_text=True))
        pages = []
        for email in (user.email, "nobody@example.com"):
            answer = client.post("/login", data={"email": email, "password": "not the password", "csrf_token": token})
            pages.append(re.sub(r'value="[^"]*"', "", answer.get_data(as_text=True)))

        assert pages[0] == pages[1]
        assert "邮箱或密码不正确" in pages[0]
        assert account(client) == 303

    def test_is_closed_to_a_person_who_was_shut_out(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session, active=False)

        assert log_in(client, user.email) == ""

    def test_is_closed_to_demo_logins_outside_the_demo(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session, is_demo=True)

        assert log_in(client, user.email) == ""
        assert account(client) == 303

    def test_shuts_out_at_once_whoever_is_shut_out_while_signed_in(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        log_in(client, user.email)
        user.active = False
        session.commit()

        assert account(client) == 303

    def test_speaks_the_language_of_the_site(self, client: FlaskClient) -> None:
        chinese = client.get("/login").get_data(as_text=True)
        form = {"language": "en", "next": "/login", "csrf_token": factories.csrf_token(chinese)}
        client.post("/language", data=form)
        english = client.get("/login").get_data(as_text=True)

        assert '<html lang="zh-CN"' in chinese
        assert '<html lang="en"' in english

    def test_refuses_a_form_without_its_token(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)

        answer = client.post("/login", data={"email": user.email, "password": factories.PASSWORD})

        assert answer.status_code == 400
        assert account(client) == 303

    def test_takes_no_json_at_all(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        body = {"email": user.email, "password": factories.PASSWORD}

        assert client.post("/login?include_auth_token", json=body).status_code == 422
        assert account(client) == 303

    def test_never_answers_with_the_librarys_token(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        token = factories.csrf_token(client.get("/login").get_data(as_text=True))
        body = {"email": user.email, "password": factories.PASSWORD}

        answer = client.post("/login?include_auth_token", json=body, headers={"X-CSRFToken": token})

        assert "authentication_token" not in answer.get_data(as_text=True)

    def test_ends_what_was_known_of_the_session_before(self, client: FlaskClient, session: Session) -> None:
        """An attacker who planted the cookie knows its form token; it must be worth nothing afterwards."""
        user = factories.user(session)
        token = factories.csrf_token(client.get("/login").get_data(as_text=True))
        client.post("/login", data={"email": user.email, "password": factories.PASSWORD, "csrf_token": token})

        answer = client.post("/account/tokens", data={"csrf_token": token})

        assert answer.status_code == 400

    def test_is_limited(self, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], password_guesses="3 per minute"))
        limiter.reset()
        token = factories.csrf_token(client.get("/login").get_data(as_text=True))
        form = {"email": "nobody@example.com", "password": "not the password", "csrf_token": token}
        statuses = [client.post("/login", data=form).status_code for _ in range(4)]
        refused = client.post("/api/v1/tokens", json={"email": "nobody@example.com", "password": "guess"})
        limiter.reset()

        assert statuses == [200, 200, 200, 429]
        assert refused.status_code == 429
        assert refused.content_type == "application/problem+json"
        assert int(refused.headers["Retry-After"]) > 0


class TestNext:
    def test_leads_back_to_the_page_that_asked(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        asked = client.get("/account?from=mail")

        assert asked.status_code == 303
        assert asked.location == "/login?next=%2Faccount%3Ffrom%3Dmail"
        assert log_in(client, user.email, next_page="/account?from=mail") == "/account?from=mail"

    @pytest.mark.parametrize(
        "target",
        ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)"],
    )
    def test_never_leads_to_another_site(self, client: FlaskClient, session: Session, target: str) -> None:
        user = factories.user(session)

        location = log_in(client, user.email, next_page=target)

        # What a browser makes of it: backslashes are slashes.
        assert urlsplit(urljoin("http://localhost/login", location.replace("\\", "/"))).netloc == "localhost"

    @pytest.mark.parametrize(
        ("target", "leads_to"),
        [
            ("/account?a=1", "/account?a=1"),
            ("https://evil.example/", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("/%5Cevil", "/%5Cevil"),
            ("account", "/"),
            ("", "/"),
        ],
    )
    def test_of_the_language_stays_on_the_site(self, client: FlaskClient, target: str, leads_to: str) -> None:
        token = factories.csrf_token(client.get("/login").get_data(as_text=True))

        answer = client.post("/language", data={"language": "en", "next": target, "csrf_token": token})

        assert (answer.status_code, answer.location) == (303, leads_to)

    def test_of_the_language_refuses_an_unknown_one(self, client: FlaskClient) -> None:
        token = factories.csrf_token(client.get("/login").get_data(as_text=True))

        assert client.post("/language", data={"language": "xx", "csrf_token": token}).status_code == 422


class TestSignOut:
    def test_needs_a_post(self, client: FlaskClient, session: Session) -> None:
        factories.sign_in(client, factories.user(session))

        assert client.get("/logout").status_code == 405
        assert account(client) == 200

    def test_needs_a_form_token(self, client: FlaskClient, session: Session) -> None:
        factories.sign_in(client, factories.user(session))

        assert client.post("/logout").status_code == 400
        assert account(client) == 200

    def test_closes_the_account_page(self, client: FlaskClient, session: Session) -> None:
        factories.sign_in(client, factories.user(session))
        page = client.get("/account")

        client.post("/logout", data={"csrf_token": factories.csrf_token(page.get_data(as_text=True))})

        assert account(client) == 303
        assert page.headers["Cache-Control"] == "no-store"


class TestPassword:
    def test_change_ends_the_sessions_elsewhere(self, app: Flask, session: Session) -> None:
        user = factories.user(session)
        here, elsewhere = app.test_client(), app.test_client()
        for browser in (here, elsewhere):
            factories.sign_in(browser, user)
        new = "another battery staple"
        form = {"password": factories.PASSWORD, "new_password": new, "new_password_confirm": new}
        form["csrf_token"] = factories.csrf_token(here.get("/change").get_data(as_text=True))

        assert here.post("/change", data=form).location == "/account"
        assert account(here) == 200
        assert account(elsewhere) == 303
        assert log_in(elsewhere, user.email, new) == "/"

    def test_change_refuses_a_short_one(self, client: FlaskClient, session: Session) -> None:
        factories.sign_in(client, factories.user(session))
        form = {"password": factories.PASSWORD, "new_password": "short", "new_password_confirm": "short"}
        form["csrf_token"] = factories.csrf_token(client.get("/change").get_data(as_text=True))

        answer = client.post("/change", data=form)

        assert "密码至少要有 10 个字符" in answer.get_data(as_text=True)

    def test_change_ends_the_tokens(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        headers = factories.bearer(session, user)
        factories.sign_in(client, user)
        new = "another battery staple"
        form = {"password": factories.PASSWORD, "new_password": new, "new_password_confirm": new}
        form["csrf_token"] = factories.csrf_token(client.get("/change").get_data(as_text=True))
        assert client.get("/api/v1/orders", headers=headers).status_code == 200

        client.post("/change", data=form)

        assert client.get("/api/v1/orders", headers=headers).status_code == 401


class TestCookie:
    def test_is_out_of_reach_of_scripts_and_other_sites(self, client: FlaskClient) -> None:
        cookie = client.get("/login").headers["Set-Cookie"]

        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie


class TestDemo:
    @pytest.fixture
    def demo(self, app: Flask, settings: Settings) -> Iterator[FlaskClient]:  # noqa: ARG002  # `app` empties the tables
        """Return a client of the shop as a demo."""
        made = create_app(replace(settings, demo=True))
        made.test_client_class = IsolatedClient
        yield made.test_client()
        with made.app_context():
            db.engine.dispose()

    def test_signs_in_with_one_button(self, demo: FlaskClient, session: Session) -> None:
        user = factories.user(
            session, role=Role.FINANCE, is_demo=True, password=hash_password(service.DEMO_PASSWORD), email="f@demo.test"
        )
        page = demo.get("/login?next=/account").get_data(as_text=True)
        button = page[: page.index('data-email="f@demo.test"')].rsplit("<form", 1)[1]
        fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', button))

        assert fields["email"] == user.email
        assert demo.post("/login", data=fields).location == "/account"
        assert account(demo) == 200

    def test_shows_no_login_of_a_real_person(self, demo: FlaskClient, session: Session) -> None:
        factories.user(session, email="real@example.com")

        assert "real@example.com" not in demo.get("/login").get_data(as_text=True)
