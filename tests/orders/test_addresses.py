"""The address book: one's own only, one default, chosen and kept at the checkout."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from shop.identity.models import User
from shop.orders.addresses.models import SavedAddress
from shop.orders.addresses.service import MAX_ADDRESSES
from shop.orders.models import Order
from tests import factories

BOOK = "/account/addresses"


def send(client: FlaskClient, path: str = BOOK, *, page: str = BOOK, **form: str) -> TestResponse:
    """Send the form of an address."""
    token = factories.csrf_token(client.get(page).get_data(as_text=True))
    return client.post(path, data=factories.SHIP_TO | form | {"csrf_token": token})


def book(session: Session) -> list[SavedAddress]:
    """Return all addresses, the oldest first."""
    session.expire_all()
    return session.query(SavedAddress).order_by(SavedAddress.id).all()


@pytest.fixture
def buyer(session: Session) -> User:
    """Return a buyer."""
    return factories.user(session)


@pytest.fixture
def browser(client: FlaskClient, buyer: User) -> FlaskClient:
    """Return the buyer's browser."""
    factories.sign_in(client, buyer)
    return client


class TestBook:
    def test_has_one_default_whatever_comes_and_goes(self, browser: FlaskClient, session: Session) -> None:
        send(browser, name="甲")
        send(browser, name="乙")
        assert [one.is_default for one in book(session)] == [True, False]

        send(browser, name="丙", as_default="y")
        assert [one.is_default for one in book(session)] == [False, False, True]

        send(browser, f"{BOOK}/{book(session)[2].id}/remove")
        assert [(one.recipient, one.is_default) for one in book(session)] == [("甲", False), ("乙", True)]

    def test_changes_an_address_and_keeps_its_place(self, browser: FlaskClient, session: Session) -> None:
        send(browser)
        saved = book(session)[0]

        assert send(browser, f"{BOOK}/{saved.id}", name="新名").location == BOOK
        assert [(one.id, one.recipient, one.is_default) for one in book(session)] == [(saved.id, "新名", True)]

    def test_of_another_person_does_not_exist(self, app: Flask, browser: FlaskClient, session: Session) -> None:
        send(browser)
        saved = book(session)[0]
        stranger = app.test_client()
        factories.sign_in(stranger, factories.user(session))

        assert stranger.get(f"{BOOK}/{saved.id}").status_code == 404
        assert send(stranger, f"{BOOK}/{saved.id}", name="贼").status_code == 404
        assert send(stranger, f"{BOOK}/{saved.id}/remove").status_code == 404
        assert book(session)[0].recipient == factories.SHIP_TO["name"]

    @pytest.mark.parametrize(
        "form", [{"phone": "none"}, {"name": ""}, {"address": "x" * 201}, {"region_code": "999999"}]
    )
    def test_takes_no_address_that_is_none(self, browser: FlaskClient, session: Session, form: dict[str, str]) -> None:
        answer = send(browser, **form)

        assert answer.status_code == 422
        assert "is-invalid" in answer.get_data(as_text=True)
        assert book(session) == []

    def test_takes_no_more_than_it_holds(self, browser: FlaskClient, session: Session, buyer: User) -> None:
        session.add_all(
            SavedAddress(user_id=buyer.id, recipient=str(n), phone="1", region_code="120000", address="x")
            for n in range(MAX_ADDRESSES)
        )
        session.commit()

        assert send(browser).status_code == 422


class TestCheckout:
    def fill(self, browser: FlaskClient, session: Session) -> None:
        """Put something into the basket."""
        factories.stock(session)
        send(browser, "/basket/lines", page="/", sku="GS001-1", quantity="1")

    def test_begins_with_the_default_and_offers_the_others(self, browser: FlaskClient, session: Session) -> None:
        self.fill(browser, session)
        send(browser, name="甲")
        send(browser, name="乙")
        other = book(session)[1]

        assert 'value="甲"' in browser.get("/checkout").get_data(as_text=True)
        assert 'value="乙"' in browser.get(f"/checkout?address={other.id}").get_data(as_text=True)
        assert 'value="甲"' in browser.get("/checkout?address=nonsense").get_data(as_text=True)

    def test_keeps_the_address_if_asked_to_and_once(self, browser: FlaskClient, session: Session) -> None:
        for _ in range(2):
            self.fill(browser, session)
            page = browser.get("/checkout").get_data(as_text=True)
            total = re.search(r'name="total_fen"[^>]*value="(\d+)"', page)
            assert total is not None
            form = {"payment_method": "bank_transfer", "total_fen": total[1], "save_address": "y"}
            assert send(browser, "/checkout", page="/checkout", **form).status_code == 302

        assert session.query(Order).count() == 2
        assert [one.recipient for one in book(session)] == [factories.SHIP_TO["name"]]
