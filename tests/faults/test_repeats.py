"""A write of the API that is repeated: by twenty at once, and after a crash between the work and its answer."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.config import Settings
from shop.db import now
from shop.identity.idempotency import KEPT
from shop.identity.models import Membership, Role, StoredAnswer
from shop.jobs import tasks
from shop.orders.models import Order
from tests import factories

AT_ONCE = 20
ROOT = Path(__file__).parents[2]
NEEDS_NO_KEY = {
    "POST /api/v1/tokens",  # it tells a secret, which no stored answer may hold; a second token harms nothing
    "POST /api/v1/orders/<number>/payments",  # it tells whom to pay and stores nothing
    "DELETE /api/v1/tokens/current",  # ending what has ended changes nothing
}


def test_every_write_of_the_api_takes_a_key(app: Flask) -> None:
    without = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"}
        if rule.rule.startswith("/api/") and not hasattr(app.view_functions[rule.endpoint], "is_idempotent")
    }

    assert without == NEEDS_NO_KEY


@pytest.fixture
def headers(session: Session) -> dict[str, str]:
    """Return the headers of a buyer with a key of the buyer's own."""
    factories.stock(session)
    made = factories.bearer(session, factories.user(session)) | {"Idempotency-Key": factories.key()}
    session.rollback()
    return made


class TestAtOnce:
    def test_twenty_repeats_place_one_order(self, app: Flask, session: Session, headers: dict[str, str]) -> None:
        start = Barrier(AT_ONCE)

        def place(_: int) -> tuple[int, str]:
            start.wait(timeout=60)
            answer = app.test_client().post("/api/v1/orders", json=factories.order_request(), headers=headers)
            return answer.status_code, answer.get_data(as_text=True)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(place, range(AT_ONCE)))

        assert session.query(Order).count() == 1
        assert {status for status, _ in answers} <= {201, 409}
        assert len({body for status, body in answers if status == 201}) == 1
        assert all("request-running" in body for status, body in answers if status == 409)
        assert place_again(app, headers) == next(body for status, body in answers if status == 201)

    def test_without_a_key_they_place_twenty(self, app: Flask, session: Session, headers: dict[str, str]) -> None:
        del headers["Idempotency-Key"]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda _: place_again(app, headers), range(AT_ONCE)))

        assert session.query(Order).count() == AT_ONCE


def place_again(app: Flask, headers: dict[str, str]) -> str:
    """Send the order and return the answer's body."""
    answer = app.test_client().post("/api/v1/orders", json=factories.order_request(), headers=headers)
    assert answer.status_code == 201
    return str(answer.get_data(as_text=True))


class TestAfterACrash:
    def test_the_repeat_gets_the_answer_that_nobody_received(
        self, client: FlaskClient, session: Session, settings: Settings, headers: dict[str, str]
    ) -> None:
        with dying_server(settings) as (port, process):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            body = json.dumps(factories.order_request())
            with pytest.raises((http.client.HTTPException, OSError)):
                _send(connection, body, headers | {"X-Die": "1"})
            assert process.wait(timeout=30) == -9

        placed = session.query(Order).one()
        again = client.post("/api/v1/orders", json=factories.order_request(), headers=headers)

        assert again.status_code == 201
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.get_json()["number"] == placed.number
        assert session.query(Order).count() == 1


def _send(connection: http.client.HTTPConnection, body: str, headers: dict[str, str]) -> None:
    connection.request("POST", "/api/v1/orders", body, headers | {"Content-Type": "application/json"})
    connection.getresponse()


@contextmanager
def dying_server(settings: Settings) -> "Iterator[tuple[int, subprocess.Popen[str]]]":
    """Serve the test's database from another process."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE", "GANWEI"))}
    environ |= {
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": settings.secret_key,
        "SECURITY_PASSWORD_SALT": settings.password_salt,
        "TOTP_SECRET": settings.totp_secret,
        "GANWEI_DEMO": "1",
    }
    argv = [sys.executable, "-m", "tests.faults.dying_server"]
    with subprocess.Popen(argv, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own program
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline()), process
        finally:
            process.kill()


class TestStoredAnswers:
    def test_are_not_for_who_lost_the_role(self, client: FlaskClient, session: Session) -> None:
        officer = factories.user(session, role=Role.FINANCE)
        headers = factories.bearer(session, officer) | {"Idempotency-Key": factories.key()}
        body = {"amount_fen": 100, "paid_on": "2026-01-05", "payer": "某单位", "reference": factories.key()}
        first = client.post("/api/v1/bank-receipts", json=body, headers=headers)
        membership = session.query(Membership).filter_by(user_id=officer.id).one()
        membership.role = Role.AUDITOR
        session.commit()

        again = client.post("/api/v1/bank-receipts", json=body, headers=headers)

        assert (first.status_code, again.status_code) == (201, 403)

    def test_are_forgotten_after_a_week(self, app: Flask, session: Session, headers: dict[str, str]) -> None:
        place_again(app, headers)
        place_again(app, headers | {"Idempotency-Key": "older"})
        assert tasks.forget_answers() == 0
        old = sa.update(StoredAnswer).where(StoredAnswer.key == "older")
        session.execute(old.values(created_at=now() - KEPT - timedelta(minutes=1)))
        session.commit()

        assert tasks.forget_answers() == 1
        assert session.scalars(sa.select(StoredAnswer.key)).all() == [headers["Idempotency-Key"]]
