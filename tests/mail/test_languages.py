"""Mails in the language of who reads them."""

import re

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.identity.models import User
from shop.languages import LANGUAGES
from shop.localpg.places import PROJECT
from shop.mail.models import OutgoingMail
from tests import factories
from tests.identity.mails import mails_to

MAILS = PROJECT / "shop" / "templates" / "mail"
CHINESE = re.compile(r"[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")


def choose(client: FlaskClient, language: str) -> None:
    """Choose a language at the foot of a page."""
    token = factories.csrf_token(client.get("/basket").get_data(as_text=True))
    chosen = client.post("/language", data={"language": language, "next": "/", "csrf_token": token})
    assert chosen.status_code == 303


def links_and_names(path: str) -> set[str]:
    """Return what a mail's template fills in."""
    return set(re.findall(r"\{\{\s*([\w.]+(?:\([^)]*\))?)", (MAILS / path).read_text(encoding="utf-8")))


def test_every_mail_exists_in_every_language_and_tells_the_same() -> None:
    by_language = {one: sorted(path.name for path in (MAILS / one).glob("*.txt")) for one in LANGUAGES}
    assert by_language["zh"]
    assert by_language["en"] == by_language["zh"]
    for name in by_language["zh"]:
        assert links_and_names(f"en/{name}") == links_and_names(f"zh/{name}"), name
        assert not CHINESE.search((MAILS / "en" / name).read_text(encoding="utf-8")), name


class TestReader:
    def test_who_registers_in_english_is_written_to_in_english(self, client: FlaskClient, session: Session) -> None:
        choose(client, "en")
        token = factories.csrf_token(client.get("/register").get_data(as_text=True))
        form = {"name": "Ann", "email": "ann@example.com", "csrf_token": token}
        secret = {"password": factories.PASSWORD, "password_confirm": factories.PASSWORD}
        client.post("/register", data=form | secret)

        assert session.scalars(sa.select(User.language)).all() == ["en"]
        (mail,) = mails_to(session, "ann@example.com")
        assert mail.subject == "Please confirm your e-mail address"
        assert 'lang="en"' in mail.html
        assert not CHINESE.search(mail.text + mail.html)

    def test_the_choice_follows_to_another_device_and_to_the_api(self, app: Flask, session: Session) -> None:
        buyer = factories.user(session)
        factories.stock(session)
        first, second = app.test_client(), app.test_client()
        factories.sign_in(first, buyer)
        choose(first, "en")
        factories.sign_in(second, buyer)
        assert '<html lang="en"' in second.get("/").get_data(as_text=True)

        placed = second.post(
            "/api/v1/orders", json=factories.order_request(), headers=factories.bearer(session, buyer)
        ).get_json()

        (mail,) = mails_to(session, buyer.email)
        assert mail.subject == f"Order {placed['number']} is placed, please pay"
        assert "Payment: Bank transfer" in mail.text

    def test_who_chose_before_signing_in_keeps_the_choice(self, app: Flask, session: Session) -> None:
        buyer = factories.user(session)
        client = app.test_client()
        choose(client, "en")
        factories.sign_in(client, buyer)

        assert session.scalars(sa.select(User.language)).all() == ["en"]

    @pytest.mark.parametrize("language", ["", "fr", "zh_Hans_CN"])
    def test_an_unknown_language_is_refused(self, client: FlaskClient, session: Session, language: str) -> None:
        token = factories.csrf_token(client.get("/login").get_data(as_text=True))

        assert client.post("/language", data={"language": language, "csrf_token": token}).status_code == 422
        assert session.query(OutgoingMail).count() == 0
