"""Registering, confirming and resetting by mail; nobody learns from it who has an account."""

import re
import statistics
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from shop.identity.models import AuditEvent, User
from shop.identity.signin.mails import MAX_ALIKE
from tests import factories
from tests.identity.mails import link_in, mails_to
from tests.identity.test_sign_in import account, log_in

ADDRESS = "new@example.com"


def send(client: FlaskClient, path: str, **form: str) -> TestResponse:
    """Fill in and send the form at `path`."""
    token = factories.csrf_token(client.get(path).get_data(as_text=True))
    return client.post(path, data=form | {"csrf_token": token})


def register(client: FlaskClient, email: str = ADDRESS, **overrides: str) -> TestResponse:
    """Register somebody."""
    form = {"name": "新人", "email": email, "password": factories.PASSWORD, "password_confirm": factories.PASSWORD}
    return send(client, "/register", **(form | overrides))


def seen(client: FlaskClient, answer: TestResponse) -> tuple[int, str, str]:
    """Return all that a visitor can tell of an answer, without the address that was typed and the forms' tokens."""
    page = client.get(answer.location).get_data(as_text=True) if answer.location else answer.get_data(as_text=True)
    return answer.status_code, answer.location or "", re.sub(r'value="[^"]*"|\S+@\S+\.com', "", page)


class TestRegister:
    def test_opens_the_account_once_the_mail_was_read(self, client: FlaskClient, session: Session) -> None:
        assert register(client, " New@Example.com ").location == "/login"
        assert log_in(client, ADDRESS) == ""
        link = link_in(mails_to(session, ADDRESS)[0], "/confirm/")

        assert client.get(link).location == "/login"
        assert log_in(client, ADDRESS) == "/"
        actions = [event.action for event in session.query(AuditEvent).order_by(AuditEvent.id)]
        assert actions == ["user.registered", "user.confirmed", "user.signed_in"]

    def test_tells_only_who_knows_the_password_that_the_mail_waits(self, client: FlaskClient) -> None:
        register(client)
        pages = [
            send(client, "/login", email=ADDRESS, password=password).get_data(as_text=True)
            for password in (factories.PASSWORD, "not the password")
        ]

        assert "请先打开确认邮件里的链接" in pages[0]
        assert "请先打开确认邮件里的链接" not in pages[1]

    def test_gives_no_token_before(self, client: FlaskClient) -> None:
        register(client)

        answer = client.post("/api/v1/tokens", json={"email": ADDRESS, "password": factories.PASSWORD})

        assert answer.status_code == 401

    def test_answers_alike_when_the_address_is_taken_and_tells_its_owner(self, app: Flask, session: Session) -> None:
        owner = factories.user(session)
        browsers = app.test_client(), app.test_client()

        taken = seen(
            browsers[0], register(browsers[0], owner.email, password="x" * 9 + "yz", password_confirm="x" * 9 + "yz")
        )
        free = seen(browsers[1], register(browsers[1]))

        assert taken == free
        assert log_in(app.test_client(), owner.email) == "/"
        assert "已经有账户" in mails_to(session, owner.email)[0].text

    @pytest.mark.parametrize(
        ("form", "message"),
        [
            ({"password": "short", "password_confirm": "short"}, "密码至少要有 10 个字符"),
            ({"password_confirm": "another battery"}, "两次输入的密码不一致"),
            ({"name": " "}, "请填写姓名"),
            ({"email": "nobody"}, "不是有效的邮箱地址"),
            ({"email": "a@b\r\nBcc: c@d.com"}, "不是有效的邮箱地址"),
        ],
    )
    def test_names_what_will_not_do(
        self, client: FlaskClient, session: Session, form: dict[str, str], message: str
    ) -> None:
        assert message in register(client, **form).get_data(as_text=True)
        assert session.query(User).count() == 0

    def test_takes_no_more_than_the_form_has(self, client: FlaskClient, session: Session) -> None:
        register(client, confirmed_at="2020-01-01", is_demo="1", active="0")

        made = session.query(User).one()
        assert (made.confirmed_at, made.is_demo, made.active) == (None, False, True)


class TestConfirm:
    def test_again_sends_the_mail_again(self, client: FlaskClient, session: Session) -> None:
        register(client)
        send(client, "/confirm", email=ADDRESS)

        mails = mails_to(session, ADDRESS)
        assert [mail.template for mail in mails] == ["welcome", "confirm"]
        client.get(link_in(mails[1], "/confirm/"))
        assert log_in(client, ADDRESS) == "/"

    def test_refuses_a_forged_and_an_old_link(
        self, app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        register(client)
        link = link_in(mails_to(session, ADDRESS)[0], "/confirm/")
        client.get(link[:-3] + "abc")
        monkeypatch.setitem(app.config, "SECURITY_CONFIRM_EMAIL_WITHIN", timedelta(seconds=-1))
        client.get(link)

        assert log_in(client, ADDRESS) == ""


class TestReset:
    def test_sets_a_new_password_and_ends_everything_old(
        self, app: Flask, client: FlaskClient, session: Session
    ) -> None:
        user = factories.user(session)
        headers = factories.bearer(session, user)
        elsewhere = app.test_client()
        factories.sign_in(elsewhere, user)
        send(client, "/reset", email=user.email)
        link = link_in(mails_to(session, user.email)[0], "/reset/")
        new = "another battery staple"

        assert send(client, link, password=new, password_confirm=new).location == "/login"

        assert account(elsewhere) == 303
        assert client.get("/api/v1/orders", headers=headers).status_code == 401
        assert log_in(client, user.email) == ""
        assert log_in(client, user.email, new) == "/"
        assert [mail.template for mail in mails_to(session, user.email)] == ["reset", "reset_notice"]

    def test_works_once(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        send(client, "/reset", email=user.email)
        link = link_in(mails_to(session, user.email)[0], "/reset/")
        send(client, link, password="another battery staple", password_confirm="another battery staple")

        assert client.get(link).location == "/reset"
        assert log_in(client, user.email, "another battery staple") == "/"

    def test_expires(self, app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        user = factories.user(session)
        send(client, "/reset", email=user.email)
        monkeypatch.setitem(app.config, "SECURITY_RESET_PASSWORD_WITHIN", timedelta(seconds=-1))

        assert client.get(link_in(mails_to(session, user.email)[0], "/reset/")).location == "/reset"

    def test_confirms_the_address_too(self, client: FlaskClient, session: Session) -> None:
        """Whoever registered with somebody else's address has nothing of it once its owner comes."""
        register(client)
        send(client, "/reset", email=ADDRESS)
        link = link_in(mails_to(session, ADDRESS)[-1], "/reset/")
        send(client, link, password="the owner's own words", password_confirm="the owner's own words")

        assert log_in(client, ADDRESS, factories.PASSWORD) == ""
        assert log_in(client, ADDRESS, "the owner's own words") == "/"

    def test_leads_where_the_settings_say_whatever_the_request_claims(
        self, app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        public = replace(app.config["SETTINGS"], public_url="https://shop.example.org")
        monkeypatch.setitem(app.config, "SETTINGS", public)
        user = factories.user(session)
        page = client.get("/reset", headers={"Host": "evil.example"}).get_data(as_text=True)
        form = {"email": user.email, "csrf_token": factories.csrf_token(page)}
        client.post("/reset", data=form, headers={"Host": "evil.example"})

        mail = mails_to(session, user.email)[0]
        assert "https://shop.example.org/reset/" in mail.text
        assert "evil.example" not in mail.text + mail.html

    def test_does_not_bury_anybody_under_mails(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        for _ in range(MAX_ALIKE + 3):
            send(client, "/reset", email=user.email)

        assert len(mails_to(session, user.email)) == MAX_ALIKE


@pytest.mark.parametrize("path", ["/reset", "/confirm"])
class TestAsking:
    def test_is_answered_alike_for_all(self, app: Flask, session: Session, path: str) -> None:
        known = [factories.user(session), factories.user(session, active=False)]
        known.append(factories.user(session, confirmed_at=None))
        answers = set()
        for email in [*(user.email for user in known), "nobody@example.com"]:
            browser = app.test_client()
            answers.add(seen(browser, send(browser, path, email=email)))

        assert len(answers) == 1

    def test_takes_the_same_time_for_all(self, client: FlaskClient, session: Session, path: str) -> None:
        known = factories.user(session, confirmed_at=None).email
        token = factories.csrf_token(client.get(path).get_data(as_text=True))
        taken: dict[str, list[float]] = {known: [], "nobody@example.com": []}
        for _ in range(15):
            for email, seconds in taken.items():
                began = time.perf_counter()
                client.post(path, data={"email": email, "csrf_token": token})
                seconds.append(time.perf_counter() - began)

        there, nobody = (statistics.median(seconds) for seconds in taken.values())
        assert 0.5 < there / nobody < 2
