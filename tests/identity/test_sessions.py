"""A session is on record: what ends there is over for every copy of its cookie, at once."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.db import now
from shop.identity.models import AuditEvent, Role, User
from shop.identity.signin import agents, sessions
from shop.identity.signin.models import UserSession
from tests import factories
from tests.identity.test_sign_in import account, log_in


def post(client: FlaskClient, path: str) -> int:
    """Send an empty form of the account page."""
    token = factories.csrf_token(client.get("/account").get_data(as_text=True))
    return client.post(path, data={"csrf_token": token}).status_code


def cookie_of(client: FlaskClient) -> str:
    """Return the session cookie as a thief would copy it."""
    cookie = client.get_cookie("session")
    assert cookie is not None
    return cookie.value


def browsers(app: Flask, user: User) -> tuple[FlaskClient, FlaskClient]:
    """Sign a person in with two browsers."""
    here, there = app.test_client(), app.test_client()
    for one in (here, there):
        factories.sign_in(one, user)
    return here, there


def id_of(client: FlaskClient) -> UUID:
    """Return the session that a browser's cookie names."""
    with client.session_transaction() as cookie:
        return UUID(cookie[sessions.KEY])


class TestCopiedCookie:
    def test_opens_nothing_after_the_sign_out(self, app: Flask, session: Session) -> None:
        owner, thief = app.test_client(), app.test_client()
        factories.sign_in(owner, factories.user(session))
        thief.set_cookie("session", cookie_of(owner))
        assert account(thief) == 200

        post(owner, "/logout")

        assert account(owner) == 303
        assert account(thief) == 303

    def test_without_a_session_on_record_opens_nothing(self, client: FlaskClient, session: Session) -> None:
        factories.sign_in(client, factories.user(session))
        with client.session_transaction() as cookie:
            del cookie[sessions.KEY]

        assert account(client) == 303

    def test_of_one_person_opens_nothing_with_the_session_of_another(self, app: Flask, session: Session) -> None:
        mine, theirs = app.test_client(), app.test_client()
        factories.sign_in(mine, factories.user(session))
        factories.sign_in(theirs, factories.user(session))
        with mine.session_transaction() as cookie:
            cookie[sessions.KEY] = str(id_of(theirs))

        assert account(mine) == 303


class TestEnd:
    def test_takes_effect_at_once_on_the_other_device(self, app: Flask, session: Session) -> None:
        here, there = browsers(app, factories.user(session))

        assert post(here, f"/account/sessions/{id_of(there)}/end") == 303

        assert account(there) == 303
        assert account(here) == 200
        assert session.query(AuditEvent).filter_by(action="session.ended").count() == 1

    def test_of_another_persons_session_finds_nothing(self, app: Flask, session: Session) -> None:
        here, there = app.test_client(), app.test_client()
        factories.sign_in(here, factories.user(session))
        factories.sign_in(there, factories.user(session))

        assert post(here, f"/account/sessions/{id_of(there)}/end") == 404
        assert account(there) == 200

    def test_of_all_others_leaves_this_one(self, app: Flask, session: Session) -> None:
        user = factories.user(session)
        here, there = browsers(app, user)
        stranger = app.test_client()
        factories.sign_in(stranger, factories.user(session))

        assert post(here, "/account/sessions/end-others") == 303

        assert [account(one) for one in (here, there, stranger)] == [200, 303, 200]
        assert len(sessions.in_force(session, user.id, at=now())) == 1

    def test_comes_with_a_new_password(self, app: Flask, session: Session) -> None:
        user = factories.user(session)
        here, _ = browsers(app, user)
        new = "another battery staple"
        form = {"password": factories.PASSWORD, "new_password": new, "new_password_confirm": new}
        form["csrf_token"] = factories.csrf_token(here.get("/change").get_data(as_text=True))
        here.post("/change", data=form)

        assert [one.id for one in sessions.in_force(session, user.id, at=now())] == [id_of(here)]


class TestAge:
    @pytest.mark.parametrize(
        ("started", "seen", "status"),
        [
            (timedelta(days=29), timedelta(days=6), 200),
            (timedelta(days=8), sessions.IDLE, 303),
            (sessions.LONGEST, timedelta(0), 303),
        ],
    )
    def test_ends_a_session(
        self, client: FlaskClient, session: Session, started: timedelta, seen: timedelta, status: int
    ) -> None:
        factories.sign_in(client, factories.user(session))
        session.execute(sa.update(UserSession).values(started_at=now() - started, seen_at=now() - seen))
        session.commit()

        assert account(client) == status

    def test_is_counted_from_the_last_use_to_a_few_minutes(self, client: FlaskClient, session: Session) -> None:
        factories.sign_in(client, factories.user(session))
        for minutes, is_noted in ((1, False), (6, True)):
            used_at = now() - timedelta(minutes=minutes)
            session.execute(sa.update(UserSession).values(started_at=used_at, seen_at=used_at))
            session.commit()
            client.get("/account")
            session.expire_all()

            assert (session.scalars(sa.select(UserSession.seen_at)).one() > used_at) is is_noted


class TestAccountPage:
    def test_lists_the_devices_and_marks_this_one(self, app: Flask, session: Session) -> None:
        user = factories.user(session, role=Role.CANTEEN)
        here, there = browsers(app, user)
        session.execute(
            sa.update(UserSession)
            .where(UserSession.id == id_of(there))
            .values(agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18) AppleWebKit/605 Safari/604 MicroMessenger/8.0")
        )
        session.commit()

        page = here.get("/account").get_data(as_text=True)

        assert "微信 · iPhone" in page
        assert page.count("本机") == 1
        assert f"/account/sessions/{id_of(there)}/end" in page
        assert f"/account/sessions/{id_of(here)}/end" not in page

    def test_shows_what_a_browser_says_as_text_only(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        log_in(client, user.email)
        session.execute(sa.update(UserSession).values(agent="<script>Firefox/", address="<b>"))
        session.commit()

        page = client.get("/account").get_data(as_text=True)

        assert "Firefox" in page
        assert "<b>" not in page


def test_a_device_that_says_nothing_is_unknown(app: Flask) -> None:
    with app.test_request_context():
        assert agents.device("") == "未知设备"
