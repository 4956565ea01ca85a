"""The same write twice has one effect and one answer, at the API and on forms, also when both run at once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import Blueprint, Flask, jsonify, redirect, request
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from shop import create_app
from shop.config import Settings
from shop.db import db, transaction
from shop.errors import InvalidInput
from shop.identity import audit
from shop.identity.actor import current_actor, requires
from shop.identity.idempotency import idempotent, once_field
from shop.identity.models import AuditEvent, Membership, Role, StoredAnswer
from tests import factories
from tests.conftest import IsolatedClient

ACTION = "test.effect"


class Gate:
    """Holds a request inside its view until the test lets it go."""

    def __init__(self) -> None:
        """Start with the gate shut."""
        self.entered = threading.Event()
        self.opened = threading.Event()


def routes(gate: Gate) -> Blueprint:
    """Return views that write an audit row as their effect."""
    blueprint = Blueprint("effects", __name__)

    @blueprint.post("/api/v1/effects")
    @idempotent
    @requires()
    def effect() -> ResponseReturnValue:
        with transaction() as database:
            audit.record(database, current_actor(), action=ACTION, subject="api")
        body = request.get_json(silent=True) or {}
        if body.get("refuse"):
            raise InvalidInput
        if body.get("wait"):
            gate.entered.set()
            assert gate.opened.wait(timeout=10)
        return jsonify(number=body.get("number")), 201, {"Location": "/api/v1/effects/1"}

    @blueprint.post("/effects")
    @idempotent
    @requires()
    def form_effect() -> ResponseReturnValue:
        if not request.form.get("name"):
            return "name missing"
        with transaction() as database:
            audit.record(database, current_actor(), action=ACTION, subject="form")
        return redirect("/effects/1", code=303)

    return blueprint


@pytest.fixture(scope="module")
def gate() -> Gate:
    """Return the gate of the waiting view."""
    return Gate()


@pytest.fixture(scope="module")
def effects_app(settings: Settings, gate: Gate) -> Iterator[Flask]:
    """Return the shop with the views of `routes`."""
    app = create_app(settings)
    app.testing = True
    app.test_client_class = IsolatedClient
    app.register_blueprint(routes(gate))
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def client(app: Flask, effects_app: Flask) -> FlaskClient:  # noqa: ARG001  # `app` empties the tables afterwards
    """Return a client of the shop with those views."""
    return effects_app.test_client()


@pytest.fixture
def headers(session: Session) -> dict[str, str]:
    """Return the headers of a signed-in API client with a key of its own."""
    return factories.bearer(session, factories.user(session)) | {"Idempotency-Key": factories.key()}


@pytest.fixture
def committed(superuser: sa.Engine, app: Flask) -> Iterator[sa.Connection]:  # noqa: ARG001  # tables must exist
    """Return a connection that sees only what is committed."""
    with superuser.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def effects(connection: sa.Connection) -> int:
    """Return how often a view's effect was stored."""
    count = sa.select(sa.func.count()).select_from(AuditEvent).where(AuditEvent.action == ACTION)
    return connection.scalar(count) or 0


class TestApi:
    URL = "/api/v1/effects"

    def test_gives_the_first_answer_again(
        self, client: FlaskClient, headers: dict[str, str], committed: sa.Connection
    ) -> None:
        first = client.post(self.URL, json={"number": 1, "name": "甲"}, headers=headers)
        again = client.post(
            self.URL, data='{"name": "甲",  "number": 1}', headers=headers, content_type="application/json"
        )

        assert (first.status_code, again.status_code) == (201, 201)
        assert first.data == again.data
        assert again.content_type == first.content_type
        assert again.location == first.location
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        assert effects(committed) == 1

    def test_refuses_another_body(self, client: FlaskClient, headers: dict[str, str], committed: sa.Connection) -> None:
        client.post(self.URL, json={"number": 1}, headers=headers)

        other = client.post(self.URL, json={"number": 2}, headers=headers)

        assert other.status_code == 422
        assert other.get_json()["type"].endswith("/idempotency-key-reused")
        assert effects(committed) == 1

    def test_keeps_no_refusal(self, client: FlaskClient, headers: dict[str, str], committed: sa.Connection) -> None:
        refused = client.post(self.URL, json={"refuse": True}, headers=headers)
        corrected = client.post(self.URL, json={"refuse": False}, headers=headers)

        assert (refused.status_code, corrected.status_code) == (422, 201)
        assert effects(committed) == 1

    def test_runs_each_time_without_a_key(
        self, client: FlaskClient, headers: dict[str, str], committed: sa.Connection
    ) -> None:
        del headers["Idempotency-Key"]
        for _ in range(2):
            client.post(self.URL, json={}, headers=headers)

        assert effects(committed) == 2

    def test_keeps_the_keys_of_two_people_apart(
        self, client: FlaskClient, session: Session, headers: dict[str, str], committed: sa.Connection
    ) -> None:
        other = headers | factories.bearer(session, factories.user(session))
        for one in (headers, other):
            assert "Idempotency-Replayed" not in client.post(self.URL, json={}, headers=one).headers

        assert effects(committed) == 2

    def test_is_another_request_for_another_organisation(
        self, client: FlaskClient, session: Session, headers: dict[str, str]
    ) -> None:
        client.post(self.URL, json={}, headers=headers)
        stored = session.query(StoredAnswer).one()
        home = factories.canteen(session)
        session.add(Membership(user_id=stored.user_id, organisation_id=home.id, role=Role.CANTEEN))
        session.commit()

        assert client.post(self.URL, json={}, headers=headers).status_code == 422

    @pytest.mark.parametrize("key", ["", "has space", "x" * 201, "汉字".encode().decode("latin-1")])
    def test_refuses_a_key_of_another_shape(self, client: FlaskClient, headers: dict[str, str], key: str) -> None:
        answer = client.post(self.URL, json={}, headers=headers | {"Idempotency-Key": key})

        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["field"] == "Idempotency-Key"

    def test_takes_the_longest_key(self, client: FlaskClient, headers: dict[str, str]) -> None:
        assert client.post(self.URL, json={}, headers=headers | {"Idempotency-Key": "~" * 200}).status_code == 201

    def test_sends_a_visitor_away(self, client: FlaskClient) -> None:
        assert client.post(self.URL, json={}, headers={"Idempotency-Key": "k"}).status_code == 401

    def test_says_that_the_same_request_is_running(
        self, effects_app: Flask, headers: dict[str, str], committed: sa.Connection, gate: Gate
    ) -> None:
        """Two connections at once: the second neither waits nor runs."""
        with ThreadPoolExecutor(1) as pool:
            client = effects_app.test_client()
            first = pool.submit(client.post, self.URL, json={"wait": True}, headers=headers)
            assert gate.entered.wait(timeout=10)
            second = effects_app.test_client().post(self.URL, json={"wait": True}, headers=headers)
            gate.opened.set()
            assert first.result(timeout=10).status_code == 201
        third = effects_app.test_client().post(self.URL, json={"wait": True}, headers=headers)

        assert second.status_code == 409
        assert second.get_json()["type"].endswith("/request-running")
        assert third.headers["Idempotency-Replayed"] == "true"
        assert effects(committed) == 1


class TestForm:
    @pytest.fixture
    def token(self, client: FlaskClient, session: Session) -> str:
        """Sign in and return the form token."""
        factories.sign_in(client, factories.user(session))
        return factories.csrf_token(client.get("/account").get_data(as_text=True))

    def test_leads_to_the_same_place_again(self, client: FlaskClient, token: str, committed: sa.Connection) -> None:
        form = {"name": "甲", "once": "abc", "csrf_token": token}

        answers = [client.post("/effects", data=form) for _ in range(2)]

        assert [answer.location for answer in answers] == ["/effects/1", "/effects/1"]
        assert effects(committed) == 1

    def test_that_was_shown_again_may_be_corrected(
        self, client: FlaskClient, token: str, committed: sa.Connection
    ) -> None:
        form = {"name": "", "once": "abc", "csrf_token": token}
        client.post("/effects", data=form)

        assert client.post("/effects", data=form | {"name": "甲"}).status_code == 303
        assert effects(committed) == 1

    def test_that_was_taken_is_not_taken_with_other_content(
        self, client: FlaskClient, token: str, committed: sa.Connection
    ) -> None:
        form = {"name": "甲", "once": "abc", "csrf_token": token}
        client.post("/effects", data=form)

        other = client.post("/effects", data=form | {"name": "乙"})

        assert other.status_code == 422
        assert "这份表单已经提交过，内容却不同。请刷新页面后重新填写。" in other.get_data(as_text=True)
        assert "幂等" not in other.get_data(as_text=True)
        assert effects(committed) == 1

    def test_gets_a_new_token_each_time(self) -> None:
        fields = {str(once_field()) for _ in range(5)}

        assert len(fields) == 5
        assert all(field.startswith('<input type="hidden" name="once" value="') for field in fields)
