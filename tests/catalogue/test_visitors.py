"""Visitors share a rendering of a public page, and nothing that is one visitor's own."""

import dataclasses
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.config import Settings
from tests import factories


@pytest.fixture
def shared(app: Flask, settings: Settings) -> Iterator[Flask]:
    """Return the application with shared pages, as outside the tests."""
    app.config["SETTINGS"] = dataclasses.replace(settings, shared_page_seconds=60)
    yield app
    app.config["SETTINGS"] = settings


def token(client: FlaskClient, path: str = "/") -> str:
    """Return the token of the forms on a page."""
    return factories.csrf_token(client.get(path).get_data(as_text=True))


def set_language(client: FlaskClient, csrf_token: str) -> int:
    """Send the form of languages, which is on every page; return the status."""
    form = {"language": "en", "next": "/", "csrf_token": csrf_token}
    return client.post("/language", data=form).status_code


@pytest.mark.parametrize("path", ["/", "/products/GS001", "/?q=nothing-like-it"])
def test_each_visitor_has_a_token_of_their_own(shared: Flask, path: str) -> None:
    first, second = shared.test_client(), shared.test_client()

    tokens = [token(first, path), token(second, path)]

    assert tokens[0] != tokens[1]
    assert set_language(second, tokens[0]) == HTTPStatus.BAD_REQUEST
    assert set_language(second, tokens[1]) == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize("path", ["/products/none", "/?page=999"])
def test_the_forms_of_a_refusal_work(shared: Flask, path: str) -> None:
    client = shared.test_client()

    answer = client.get(path, follow_redirects=True).get_data(as_text=True)

    assert set_language(client, factories.csrf_token(answer)) == HTTPStatus.SEE_OTHER


def test_a_language_is_not_shared(shared: Flask) -> None:
    english, chinese = shared.test_client(), shared.test_client()
    set_language(english, token(english))

    assert '<html lang="en"' in english.get("/").get_data(as_text=True)
    assert '<html lang="en"' not in chinese.get("/").get_data(as_text=True)


def test_what_was_said_to_one_visitor_is_not_said_to_the_next(shared: Flask) -> None:
    told, other = shared.test_client(), shared.test_client()

    assert "活动链接无效" in told.get("/c/none", follow_redirects=True).get_data(as_text=True)
    assert "活动链接无效" not in other.get("/").get_data(as_text=True)


def test_who_is_signed_in_and_what_is_in_a_basket_is_not_shared(shared: Flask, session: Session) -> None:
    factories.stock(session)
    person, shopper, visitor = (shared.test_client() for _ in range(3))
    who = factories.user(session, name="仅本人可见")
    factories.sign_in(person, who)
    shopper.post("/basket/lines", data={"sku": "GS001-1", "quantity": "3", "csrf_token": token(shopper)})

    assert who.name in person.get("/").get_data(as_text=True)
    seen = [one.get("/").get_data(as_text=True) for one in (shopper, visitor)]

    assert who.name not in seen[0] + seen[1]
    assert "已加入购物篮" in seen[0]
    assert "已加入购物篮" not in seen[1]
