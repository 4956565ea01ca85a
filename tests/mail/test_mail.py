"""The outbox: stored with the change, sent by the worker, tried again, never lost and never shown to strangers."""

import smtplib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from flask_mailman.backends.locmem import EmailBackend
from sqlalchemy.orm import Session

from shop.db import now, transaction
from shop.mail import outbox, sender
from shop.mail import setup as mail_setup
from shop.mail.backend import EmailBackend as CheckedBackend
from shop.mail.models import OutgoingMail
from shop.orders import notices
from shop.orders.models import Order
from tests import factories
from tests.identity.mails import mails_to
from tests.jobs.conftest import work_off

TO = "buyer@example.com"


@pytest.fixture
def post_office(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the list of what the mail server got."""
    state = app.extensions["mailman"]
    monkeypatch.setattr(state, "backend", "locmem")
    monkeypatch.setattr(state, "outbox", [], raising=False)
    return state.outbox


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch, post_office: list[Any]) -> None:  # noqa: ARG001  # closes it
    """Let the mail server refuse."""

    def refuse(*_: object) -> int:
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)


def put(session: Session, *, to: str = TO, count: int = 1) -> None:
    """Put mails about a locked account into the outbox."""
    who = factories.user(session)
    for _ in range(count):
        outbox.add(session, to=to, template="locked", user=who, until=now())
    session.commit()


def stored(session: Session) -> OutgoingMail:
    """Return the only mail of the outbox as it is by now."""
    session.expire_all()
    return session.scalars(sa.select(OutgoingMail)).one()


class TestAdd:
    def test_is_undone_with_the_change_that_it_tells_of(self, session: Session) -> None:
        who = factories.user(session)

        def fail() -> None:
            with transaction():
                outbox.add(session, to=TO, template="locked", user=who, until=now())
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()

        assert session.query(OutgoingMail).count() == 0

    def test_writes_text_and_html_in_which_nothing_is_code(self, session: Session) -> None:
        who = factories.user(session, name="<script>alert(1)</script> http://evil.example")
        mail = outbox.add(session, to=TO, template="locked", user=who, until=now())

        assert "<script>" in mail.text
        assert "<script>" not in mail.html
        assert '<a href="http' in mail.html
        assert "\n" not in mail.subject


class TestSendWaiting:
    def test_sends_once_and_keeps_no_words(self, session: Session, post_office: list[Any]) -> None:
        put(session)

        assert (sender.send_waiting(), sender.send_waiting()) == (1, 0)

        message = post_office[0].message()
        assert message["To"] == TO
        assert {part.get_content_type() for part in message.walk()} >= {"text/plain", "text/html"}
        assert (stored(session).text, stored(session).html) == ("", "")

    def test_sends_each_once_with_two_workers(self, app: Flask, session: Session, post_office: list[Any]) -> None:
        put(session, count=20)

        def work() -> int:
            with app.app_context():
                return sender.send_waiting()

        with ThreadPoolExecutor(2) as workers:
            sent = [one.result() for one in [workers.submit(work) for _ in range(2)]]

        assert sum(sent) == len(post_office) == 20

    @pytest.mark.usefixtures("closed")
    def test_tries_again_later_and_gives_up_at_last(self, session: Session) -> None:
        put(session)
        waits = []
        for _ in range(len(sender.RETRIES) + 1):
            assert sender.send_waiting() == 0
            waits.append(stored(session).due_at - now())
            assert sender.send_waiting() == 0
            session.execute(sa.update(OutgoingMail).values(due_at=now()))
            session.commit()

        assert waits[:-1] == sorted(waits[:-1])
        assert stored(session).failed_at is not None
        assert stored(session).tries == len(sender.RETRIES) + 1
        assert "gone" in (stored(session).last_error or "")

    def test_leaves_one_that_another_worker_has_until_that_died(self, session: Session, post_office: list[Any]) -> None:
        put(session)
        session.execute(sa.update(OutgoingMail).values(tries=1, due_at=now() + sender.LEASE))
        session.commit()

        assert sender.send_waiting() == 0
        session.execute(sa.update(OutgoingMail).values(due_at=now()))
        session.commit()
        assert sender.send_waiting() == len(post_office) == 1

    def test_is_what_the_worker_does(self, app: Flask, session: Session, post_office: list[Any]) -> None:
        put(session)

        work_off(app, "mail")

        assert len(post_office) == 1


def test_forgets_what_was_sent_long_ago_and_nothing_else(session: Session, post_office: list[Any]) -> None:
    put(session)
    long_ago = now() + sender.KEPT + timedelta(days=1)
    assert sender.forget_old(at=long_ago) == 0
    sender.send_waiting()

    assert (sender.forget_old(at=now()), sender.forget_old(at=long_ago), len(post_office)) == (0, 1, 1)


class TestOrder:
    def test_tells_the_buyer_that_it_was_placed_and_cancelled(self, client: FlaskClient, session: Session) -> None:
        buyer = factories.user(session)
        factories.stock(session)
        headers = factories.bearer(session, buyer) | {"Idempotency-Key": factories.key()}
        for _ in range(2):
            number = client.post("/api/v1/orders", json=factories.order_request(), headers=headers).get_json()["number"]
        cancel = headers | {"Idempotency-Key": factories.key()}
        assert client.post(f"/api/v1/orders/{number}/cancel", headers=cancel).status_code == 200

        mails = mails_to(session, buyer.email)
        assert [mail.subject for mail in mails] == [f"订单 {number} 已提交，请付款", f"订单 {number} 已取消"]
        assert f"/orders/{number}" in mails[0].text

    def test_that_was_refused_tells_nothing(self, client: FlaskClient, session: Session) -> None:
        buyer = factories.user(session)
        headers = factories.bearer(session, buyer) | {"Idempotency-Key": factories.key()}

        assert client.post("/api/v1/orders", json=factories.order_request(), headers=headers).status_code == 409
        assert mails_to(session, buyer.email) == []

    def test_has_words_for_every_status(self, session: Session, client: FlaskClient) -> None:
        buyer = factories.user(session)
        factories.stock(session)
        headers = factories.bearer(session, buyer) | {"Idempotency-Key": factories.key()}
        client.post("/api/v1/orders", json=factories.order_request(), headers=headers)
        order = session.scalars(sa.select(Order).options(sa.orm.selectinload(Order.lines))).one()
        order.accepted_fen = order.goods_fen
        subjects = set()
        for status in type(order.status):
            order.status = status
            with session.no_autoflush:
                notices.tell(session, order)
            subjects.add(next(one.subject for one in reversed(list(session.new)) if isinstance(one, OutgoingMail)))
        session.rollback()

        assert len(subjects) >= len(type(order.status)) - 1


class TestDemoPage:
    def test_shows_the_mails_in_the_demo_only(
        self, app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(session)
        assert client.get("/demo/mails").status_code == 404
        monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], demo=True))

        assert TO in client.get("/demo/mails").get_data(as_text=True)

    def test_keeps_the_words_there(
        self, app: Flask, session: Session, post_office: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], demo=True))
        put(session)
        sender.send_waiting()

        assert stored(session).text
        assert len(post_office) == 1


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "smtp+starttls://shop%40x:s%2Fe@mail.example.org:587",
            ("mail.example.org", 587, "shop@x", "s/e", True, False),
        ),
        ("smtps://mail.example.org", ("mail.example.org", None, None, None, False, True)),
        ("smtp://127.0.0.1:2525", ("127.0.0.1", 2525, None, None, False, False)),
    ],
)
def test_the_address_of_the_mail_server_says_how_to_talk_to_it(app: Flask, url: str, expected: tuple[Any, ...]) -> None:
    made = Flask("mail")
    mail_setup.register(made, replace(app.config["SETTINGS"], smtp_url=url))
    state = made.extensions["mailman"]

    assert (state.server, state.port, state.username, state.password, state.use_tls, state.use_ssl) == expected
    assert CheckedBackend(mailman=state).host == expected[0]
