"""Guessing at one account ends, whoever guesses, at whichever process, and after a restart too."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop import create_app
from shop.config import Settings
from shop.db import db, now, transaction
from shop.identity.models import AuditEvent
from shop.identity.signin import guard
from shop.identity.signin.models import GuessCount
from tests import factories
from tests.conftest import IsolatedClient
from tests.identity.mails import mails_to
from tests.identity.test_registration import send
from tests.identity.test_second_factor import code_for, with_totp
from tests.identity.test_sign_in import account, log_in

LOCKED = "登录失败次数太多"


def guess(client: FlaskClient, email: str, *, times: int) -> None:
    """Try wrong passwords."""
    for _ in range(times):
        log_in(client, email, "not the password")


@pytest.fixture
def other(app: Flask, settings: Settings) -> Iterator[FlaskClient]:  # noqa: ARG001  # `app` empties the tables
    """Return a client of a second instance of the shop, which shares the database only."""
    made = create_app(settings)
    made.test_client_class = IsolatedClient
    yield made.test_client()
    with made.app_context():
        db.engine.dispose()


class TestLock:
    def test_counts_over_two_instances_and_tells_the_owner(
        self, client: FlaskClient, other: FlaskClient, session: Session
    ) -> None:
        user = factories.user(session)
        guess(client, user.email, times=guard.MAX_GUESSES // 2)
        guess(other, user.email, times=guard.MAX_GUESSES - guard.MAX_GUESSES // 2)

        for browser in (client, other):
            page = send(browser, "/login", email=user.email, password=factories.PASSWORD).get_data(as_text=True)
            assert LOCKED in page
            assert account(browser) == 303
        token = client.post("/api/v1/tokens", json={"email": user.email, "password": factories.PASSWORD})
        assert token.status_code == 429
        assert token.get_json()["type"].endswith("/account-locked")
        assert [mail.template for mail in mails_to(session, user.email)] == ["locked"]
        assert session.query(AuditEvent).filter_by(action="user.locked").count() == 1

    def test_is_the_same_for_an_address_that_nobody_has(self, client: FlaskClient, session: Session) -> None:
        guess(client, "nobody@example.com", times=guard.MAX_GUESSES)

        page = send(client, "/login", email="nobody@example.com", password="x").get_data(as_text=True)

        assert LOCKED in page
        assert mails_to(session, "nobody@example.com") == []

    def test_of_one_account_is_none_of_another(self, client: FlaskClient, session: Session) -> None:
        guess(client, factories.user(session).email, times=guard.MAX_GUESSES + 1)

        assert log_in(client, factories.user(session).email) == "/"

    def test_ends_by_itself(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        guess(client, user.email, times=guard.MAX_GUESSES + 1)
        session.execute(sa.update(GuessCount).values(locked_until=now() - timedelta(seconds=1)))
        session.commit()

        assert log_in(client, user.email) == "/"
        assert session.query(GuessCount).count() == 0

    def test_ends_with_a_new_password(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        guess(client, user.email, times=guard.MAX_GUESSES + 1)
        send(client, "/reset", email=user.email)
        mail = mails_to(session, user.email)[-1]
        link = mail.text[mail.text.index("/reset/") :].split()[0]
        send(client, link, password="another battery staple", password_confirm="another battery staple")

        assert log_in(client, user.email, "another battery staple") == "/"

    def test_leaves_who_is_signed_in_alone(self, app: Flask, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        factories.sign_in(client, user)
        guess(app.test_client(), user.email, times=guard.MAX_GUESSES + 1)

        assert account(client) == 200

    def test_counts_codes_of_the_second_factor_too(self, app: Flask, client: FlaskClient, session: Session) -> None:
        user = with_totp(app, session)
        log_in(client, user.email)
        right = code_for(app, user.tf_totp_secret)
        wrong = format((int(right) + 1) % 1_000_000, "06")
        for _ in range(guard.MAX_GUESSES):
            send(client, "/tf-validate", code=wrong)

        assert LOCKED in send(client, "/tf-validate", code=right).get_data(as_text=True)
        assert account(client) == 303


class TestTakeGuess:
    def test_forgets_after_a_while(self, session: Session) -> None:
        at = now()
        for _ in range(guard.MAX_GUESSES):
            assert guard.take_guess(session, "a@example.com", at=at) is None

        assert guard.take_guess(session, "a@example.com", at=at + guard.WINDOW) is None

    def test_lets_no_more_through_when_all_come_at_once(self, app: Flask) -> None:
        def take() -> bool:
            with app.app_context(), transaction() as session:
                return guard.take_guess(session, "A@example.com ", at=now()) is None

        with ThreadPoolExecutor(8) as guessers:
            taken = [one.result() for one in [guessers.submit(take) for _ in range(3 * guard.MAX_GUESSES)]]

        assert sum(taken) == guard.MAX_GUESSES

    def test_keeps_no_address(self, session: Session) -> None:
        guard.take_guess(session, "a@example.com", at=now())

        assert "a@example" not in session.query(GuessCount).one().address_hash
