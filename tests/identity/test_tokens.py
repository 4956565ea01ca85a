"""Bearer tokens: made once, stored as a hash, ended by time or by hand, and the only key to the API."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.db import now
from shop.identity import tokens
from shop.identity.models import ApiToken, AuditEvent, User
from tests import factories


def use(client: FlaskClient, text: str) -> int:
    """Return the status of a request that needs a token (and ends it)."""
    return client.delete("/api/v1/tokens/current", headers={"Authorization": f"Bearer {text}"}).status_code


class TestCreate:
    def test_answers_with_a_token_that_works(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)

        answer = client.post("/api/v1/tokens", json={"email": user.email, "password": factories.PASSWORD})

        assert answer.status_code == 201
        assert answer.headers["Cache-Control"] != "public"
        assert use(client, answer.get_json()["token"]) == 204

    def test_stores_no_token(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)

        answer = client.post("/api/v1/tokens", json={"email": user.email, "password": factories.PASSWORD})

        stored = session.query(ApiToken).one()
        assert answer.get_json()["token"] not in str(vars(stored))
        assert stored.expires_at - stored.created_at == timedelta(days=30)
        event = session.query(AuditEvent).filter_by(action="token.created").one()
        assert event.user_id == user.id

    def test_tells_a_wrong_password_and_an_unknown_address_alike(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        answers = [
            client.post("/api/v1/tokens", json={"email": email, "password": "not the password"})
            for email in (user.email, "nobody@example.com")
        ]

        assert [answer.status_code for answer in answers] == [401, 401]
        assert answers[0].get_json() == answers[1].get_json()
        assert answers[0].content_type == "application/problem+json"

    @pytest.mark.parametrize("overrides", [{"active": False}, {"is_demo": True}])
    def test_refuses_people_who_may_not_sign_in(
        self, client: FlaskClient, session: Session, overrides: dict[str, Any]
    ) -> None:
        user = factories.user(session, **overrides)

        answer = client.post("/api/v1/tokens", json={"email": user.email, "password": factories.PASSWORD})

        assert answer.status_code == 401

    def test_refuses_an_unknown_field(self, client: FlaskClient) -> None:
        body = {"email": "a@example.com", "password": "x", "scope": "all"}

        assert client.post("/api/v1/tokens", json=body).status_code == 422


class TestUse:
    def test_ends_with_its_time(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        text, _ = tokens.make(session, user.id, at=now() - tokens.LIFETIME - timedelta(seconds=1))
        session.commit()

        assert use(client, text) == 401

    def test_ends_when_revoked(self, client: FlaskClient, session: Session) -> None:
        text = factories.bearer(session, factories.user(session))["Authorization"].removeprefix("Bearer ")

        assert use(client, text) == 204
        assert use(client, text) == 401

    def test_ends_when_the_person_is_shut_out(self, client: FlaskClient, session: Session) -> None:
        user = factories.user(session)
        text, _ = tokens.make(session, user.id, at=now())
        user.active = False
        session.commit()

        assert use(client, text) == 401

    @pytest.mark.parametrize("text", ["", "gw_nonsense", "x" * 5000])
    def test_is_refused_when_made_up(self, client: FlaskClient, text: str) -> None:
        assert use(client, text) == 401


class TestDoors:
    def test_the_cookie_opens_no_api(self, client: FlaskClient, session: Session) -> None:
        factories.sign_in(client, factories.user(session))

        answer = client.delete("/api/v1/tokens/current")

        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"

    def test_the_token_opens_no_page(self, client: FlaskClient, session: Session) -> None:
        headers = factories.bearer(session, factories.user(session))

        assert client.get("/account", headers=headers).status_code == 303

    def test_the_librarys_own_token_opens_nothing(self, client: FlaskClient, session: Session) -> None:
        user: User = factories.user(session)
        text = user.get_auth_token()

        assert client.get("/account", headers={"Authentication-Token": text}).status_code == 303
        assert client.get(f"/account?auth_token={text}").status_code == 303
        assert client.get("/tf-setup", headers={"Authentication-Token": text}).status_code == 302
        assert use(client, text) == 401


class TestAccountPage:
    def create(self, client: FlaskClient) -> str:
        """Make a token on the page and return the page."""
        token = factories.csrf_token(client.get("/account").get_data(as_text=True))
        return client.post("/account/tokens", data={"csrf_token": token}).get_data(as_text=True)

    def test_shows_a_new_token_once(self, client: FlaskClient, session: Session) -> None:
        factories.sign_in(client, factories.user(session))

        assert 'id="new-token">gw_' in self.create(client)
        assert "gw_" not in client.get("/account").get_data(as_text=True)

    def test_revokes(self, client: FlaskClient, session: Session) -> None:
        factories.sign_in(client, factories.user(session))
        page = self.create(client)
        text = page.split('id="new-token">')[1].split("<")[0]
        token = session.query(ApiToken).one()

        address = f"/account/tokens/{token.id}/revoke"
        assert client.post(address, data={"csrf_token": factories.csrf_token(page)}).status_code == 303
        assert use(client, text) == 401

    def test_revokes_nobody_elses(self, client: FlaskClient, session: Session) -> None:
        factories.bearer(session, factories.user(session))
        token = session.query(ApiToken).one()
        factories.sign_in(client, factories.user(session))
        page = client.get("/account").get_data(as_text=True)

        answer = client.post(f"/account/tokens/{token.id}/revoke", data={"csrf_token": factories.csrf_token(page)})

        assert answer.status_code == 404
        session.refresh(token)
        assert token.revoked_at is None
