"""The authenticator app: required of staff outside the demo, open to everybody, each code once."""

import html
import re
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.db import now
from shop.identity import service
from shop.identity.models import ApiToken, OrganisationKind, Role, User
from tests import factories
from tests.identity.test_sign_in import account, log_in

STAFF = (Role.OPERATOR, Role.FINANCE, Role.AUDITOR)


def code_for(app: Flask, secret: str | None) -> str:
    """Return what the authenticator app shows now."""
    assert secret is not None
    return str(app.extensions["security"].totp_factory.generate_totp_password(secret))


def with_totp(app: Flask, session: Session, **overrides: Any) -> User:
    """Make a user who has an authenticator app."""
    secret = app.extensions["security"].totp_factory.generate_totp_secret()
    return factories.user(session, tf_primary_method="authenticator", tf_totp_secret=secret, **overrides)


def enter_code(client: FlaskClient, code: str) -> str:
    """Send the code form and return where it leads."""
    token = factories.csrf_token(client.get("/tf-validate").get_data(as_text=True))
    return client.post("/tf-validate", data={"code": code, "csrf_token": token}).location or ""


class TestStaff:
    @pytest.mark.parametrize("role", STAFF)
    def test_must_set_it_up_before_anything_opens(self, client: FlaskClient, session: Session, role: Role) -> None:
        user = factories.user(session, role=role)

        assert log_in(client, user.email) == "/tf-setup"
        assert account(client) == 303

    def test_is_in_after_setting_it_up(self, app: Flask, client: FlaskClient, session: Session) -> None:
        user = factories.user(session, role=Role.FINANCE)
        log_in(client, user.email)
        token = factories.csrf_token(client.get("/tf-setup").get_data(as_text=True))
        page = client.post("/tf-setup", data={"setup": "authenticator", "csrf_token": token}).get_data(as_text=True)
        with client.session_transaction() as cookie:
            secret = cookie["tf_totp_secret"]
        shown = re.search(r'id="totp-key">([^<]+)<', page)

        assert 'src="data:image/svg+xml;base64,' in page
        assert shown is not None
        factory = app.extensions["security"].totp_factory
        assert html.unescape(shown.group(1)) == factory.get_totp_pretty_key(secret)

        enter = {"code": code_for(app, secret), "csrf_token": factories.csrf_token(page)}
        assert client.post("/tf-validate", data=enter).location == "/"
        assert account(client) == 200

    def test_cannot_switch_it_off(self, app: Flask, client: FlaskClient, session: Session) -> None:
        user = with_totp(app, session, role=Role.AUDITOR)
        log_in(client, user.email)
        enter_code(client, code_for(app, user.tf_totp_secret))
        page = client.get("/tf-setup").get_data(as_text=True)
        client.post("/tf-setup", data={"setup": "disable", "csrf_token": factories.csrf_token(page)})

        session.refresh(user)
        assert user.has_totp
        assert 'value="disable"' not in page

    def test_needs_none_in_the_demo(
        self, app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], demo=True))
        user = factories.user(session, role=Role.FINANCE, is_demo=True)

        assert log_in(client, user.email) == "/"
        assert account(client) == 200

    def test_gets_no_token_without_it(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session, role=Role.OPERATOR)

        answer = client.post("/api/v1/tokens", json={"email": user.email, "password": factories.PASSWORD})

        assert answer.status_code == 403
        assert answer.get_json()["type"].endswith("/totp-not-set-up")

    def test_starts_afresh_when_the_role_is_given(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        platform = factories.organisation(session, kind=OrganisationKind.PLATFORM)
        headers = factories.bearer(session, user)
        log_in(client, user.email)
        service.add_membership(session, None, user=user, organisation=platform, role=Role.FINANCE, at=now())
        session.commit()

        assert account(client) == 303
        assert client.delete("/api/v1/tokens/current", headers=headers).status_code == 401
        assert log_in(client, user.email) == "/tf-setup"


class TestCode:
    def test_opens_the_account_page(self, app: Flask, client: FlaskClient, session: Session) -> None:
        user = with_totp(app, session)

        assert log_in(client, user.email).startswith("/tf-validate")
        assert account(client) == 303
        enter_code(client, code_for(app, user.tf_totp_secret))
        assert account(client) == 200

    def test_that_is_wrong_opens_nothing(self, app: Flask, client: FlaskClient, session: Session) -> None:
        user = with_totp(app, session)
        log_in(client, user.email)
        right = code_for(app, user.tf_totp_secret)

        assert enter_code(client, format((int(right) + 1) % 1_000_000, "06")) == ""
        assert account(client) == 303

    def test_works_once(self, app: Flask, session: Session) -> None:
        user = with_totp(app, session)
        code = code_for(app, user.tf_totp_secret)
        owner, onlooker = app.test_client(), app.test_client()
        for browser in (owner, onlooker):
            log_in(browser, user.email)
            enter_code(browser, code)

        assert account(owner) == 200
        assert account(onlooker) == 303

    def test_has_no_way_around_by_mail(self, app: Flask, client: FlaskClient, session: Session) -> None:
        user = with_totp(app, session)
        log_in(client, user.email)

        assert client.get("/tf-rescue").status_code == 404

    def test_is_needed_for_a_token(self, app: Flask, client: FlaskClient, session: Session) -> None:
        user = with_totp(app, session)
        body = {"email": user.email, "password": factories.PASSWORD}
        code = code_for(app, user.tf_totp_secret)

        without = client.post("/api/v1/tokens", json=body)
        with_code = client.post("/api/v1/tokens", json=body | {"totp": code})
        again = client.post("/api/v1/tokens", json=body | {"totp": code})

        assert without.status_code == 401
        assert without.get_json()["type"].endswith("/totp-required")
        assert with_code.status_code == 201
        assert again.status_code == 401
        assert session.query(ApiToken).count() == 1

    def test_works_once_for_two_browsers_at_the_same_moment(self, app: Flask, session: Session) -> None:
        user = with_totp(app, session)
        code = code_for(app, user.tf_totp_secret)
        browsers = [app.test_client() for _ in range(2)]
        forms = []
        for browser in browsers:
            log_in(browser, user.email)
            page = browser.get("/tf-validate").get_data(as_text=True)
            forms.append({"code": code, "csrf_token": factories.csrf_token(page)})
        user_id = user.id
        session.rollback()
        # Both requests are under way before either can write what it found.
        session.get(User, user_id, with_for_update={"key_share": True})
        with ThreadPoolExecutor(len(browsers)) as pool:
            sent = [
                pool.submit(browser.post, "/tf-validate", data=form)
                for browser, form in zip(browsers, forms, strict=True)
            ]
            wait(sent, timeout=0.5)
            session.rollback()
            wait(sent)

        assert sorted(account(browser) for browser in browsers) == [200, 303]


def test_an_operator_resets_a_lost_one(app: Flask, client: FlaskClient, session: Session) -> None:
    user = with_totp(app, session)
    headers = factories.bearer(session, user)

    result = app.test_cli_runner().invoke(args=["user", "reset-totp", "--email", user.email])

    assert result.exit_code == 0
    assert log_in(client, user.email) == "/"
    assert client.delete("/api/v1/tokens/current", headers=headers).status_code == 401
