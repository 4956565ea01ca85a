"""What the log says of requests and of slow statements, and what it keeps to itself."""

import io
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop import logs
from tests import factories
from tests.conftest import DatabaseUrls

SECRET = "a-secret-word-of-mine"


class Log(io.StringIO):
    """What was logged; every line must be JSON."""

    def events(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of one kind."""
        return [line for line in map(json.loads, self.getvalue().splitlines()) if line["event"] == event]


@pytest.fixture
def log(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:  # noqa: ARG001 -- once the application is there
    stream = Log()
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure()
    yield stream
    monkeypatch.undo()
    logs.configure()


class TestRequests:
    def test_are_one_line_each_with_who_and_which(self, client: FlaskClient, session: Session, log: Log) -> None:
        who = factories.user(session)
        headers = factories.bearer(session, who)

        answer = client.get(f"/api/v1/orders/NOPE?q={SECRET}", headers=headers)

        (line,) = log.events("request")
        assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/orders/<number>", 404)
        assert line["request_id"] == answer.headers["X-Request-ID"]
        assert line["user_id"] == str(who.id)
        assert line["milliseconds"] > 0

    def test_hold_neither_what_was_searched_nor_sent(self, client: FlaskClient, log: Log) -> None:
        headers = {"Authorization": f"Bearer {SECRET}", "Cookie": f"session={SECRET}", "User-Agent": SECRET}
        client.get(f"/?q={SECRET}", headers=headers)
        client.post("/api/v1/tokens", json={"email": f"{SECRET}@example.com", "password": SECRET})

        told = log.getvalue()
        assert told.count('"event": "request"') == 2
        assert SECRET not in told

    @pytest.mark.parametrize(
        ("given", "is_kept"),
        [("a-proxy-gave-this.1", True), ("short", False), ("x" * 65, False), ('"} {"event": "forged', False)],
    )
    def test_keep_a_name_that_forges_no_line(self, client: FlaskClient, log: Log, given: str, *, is_kept: bool) -> None:
        answer = client.get("/calendar", headers={"X-Request-ID": given})

        (line,) = log.events("request")
        assert (line["request_id"] == given) is is_kept
        assert line["request_id"] == answer.headers["X-Request-ID"]


class TestSlowQueries:
    @pytest.fixture
    def engine(self, database_urls: DatabaseUrls) -> sa.Engine:
        engine = sa.create_engine(database_urls.app, poolclass=sa.NullPool)
        logs.watch_queries(engine, slow_ms=50)
        return engine

    def test_are_told_without_their_values(self, engine: sa.Engine, log: Log) -> None:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT pg_sleep(0.06),\n  CAST(:word AS text)"), {"word": SECRET})

        told = log.getvalue()
        (line,) = [json.loads(line) for line in told.splitlines()]
        assert (line["event"], line["level"]) == ("slow query", "warning")
        assert line["statement"].startswith("SELECT pg_sleep(0.06), CAST(")
        assert line["milliseconds"] >= 50
        assert SECRET not in told

    def test_are_not_the_quick_ones(self, engine: sa.Engine, log: Log) -> None:
        logs.watch_queries(engine, slow_ms=60_000)
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT pg_sleep(0.06)"))

        assert [line["milliseconds"] >= 50 for line in log.events("slow query")] == [True]
