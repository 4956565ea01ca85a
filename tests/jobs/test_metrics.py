"""`GET /metrics`: the figures, and who may see them."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.orm import Session

import ledger
from shop.jobs import metrics
from tests.jobs.conftest import Sql
from tests.ledger.factories import a_sale

TOKEN = "t" * 32
LEDGER = ("ganwei_database_up", "ganwei_ledger", "ganwei_jobs")


def figures(client: FlaskClient) -> dict[str, float]:
    """Return each sample by its name and labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        " ".join((sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items())))): sample.value
        for family in text_string_to_metric_families(answer.get_data(as_text=True))
        for sample in family.samples
    }


class TestMetrics:
    @pytest.mark.usefixtures("sql")
    def test_are_nothing_for_empty_books(self, client: FlaskClient) -> None:
        found = figures(client)

        assert {name: value for name, value in found.items() if name.startswith(LEDGER)} == {
            "ganwei_database_up": 1,
            "ganwei_ledger_head_seq": 0,
            "ganwei_ledger_unsealed_entries": 0,
            "ganwei_ledger_seal_lag_seconds": 0,
        }

    def test_tell_what_is_sealed_what_waits_and_how_long(
        self, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger.post(session, a_sale("sale:1"))
        session.commit()
        ledger.seal(session)
        session.commit()
        ledger.post(session, a_sale("sale:2"))
        session.commit()
        oldest = ledger.head(session).oldest_waiting_at
        assert oldest is not None
        monkeypatch.setattr(metrics, "now", lambda: oldest + timedelta(seconds=90))

        found = figures(client)

        assert found["ganwei_ledger_head_seq"] == 1
        assert found["ganwei_ledger_unsealed_entries"] == 1
        assert found["ganwei_ledger_seal_lag_seconds"] == 90

    def test_never_tell_a_negative_age(
        self, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger.post(session, a_sale())
        session.commit()
        oldest = ledger.head(session).oldest_waiting_at
        assert oldest is not None
        monkeypatch.setattr(metrics, "now", lambda: oldest - timedelta(seconds=1))

        assert figures(client)["ganwei_ledger_seal_lag_seconds"] == 0

    def test_count_jobs_by_status_and_queue(self, client: FlaskClient, sql: Sql) -> None:
        sql(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES"
            " ('default', 'seal', 'todo'), ('default', 'seal', 'todo'), ('default', 'tidy', 'failed')"
        )

        found = figures(client)

        assert found["ganwei_jobs queue=default status=todo"] == 2
        assert found["ganwei_jobs queue=default status=failed"] == 1

    def test_say_that_the_database_is_away(self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
        away = sa.create_engine("postgresql+psycopg:///shop?host=/nowhere")
        monkeypatch.setattr(Session, "get_bind", lambda *_, **__: away)

        found = figures(client)

        assert {name: value for name, value in found.items() if name.startswith(LEDGER)} == {"ganwei_database_up": 0}

    def test_count_and_time_requests_by_their_route(self, client: FlaskClient) -> None:
        name = "ganwei_http_request_seconds"
        labels = "method=GET route=/products/<product_id> status=404"
        before = figures(client)
        for number in range(3):
            client.get(f"/products/none-{number}")
        client.open("/nowhere", method="INVENTED")

        after = figures(client)

        assert after[f"{name}_count {labels}"] - before.get(f"{name}_count {labels}", 0) == 3
        assert after[f"{name}_bucket le=+Inf {labels}"] == after[f"{name}_count {labels}"]
        assert after[f"{name}_sum {labels}"] > before.get(f"{name}_sum {labels}", 0)
        assert f"{name}_count method=other route=none status=404" in after
        assert not [sample for sample in after if "none-1" in sample]

    def test_tell_connections_to_the_database(self, client: FlaskClient) -> None:
        found = figures(client)

        assert found["ganwei_database_connections state=active"] >= 1
        assert found["ganwei_database_pool_connections state=in_use"] >= 0
        assert found["ganwei_database_pool_connections state=idle"] >= 0

    def test_come_in_the_format_that_is_asked_for_and_are_not_stored(self, client: FlaskClient) -> None:
        plain = client.get("/metrics")
        openmetrics = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

        assert plain.content_type.startswith("text/plain; version=0.0.4")
        assert openmetrics.content_type.startswith("application/openmetrics-text; version=1.0.0")
        assert openmetrics.get_data(as_text=True).endswith("# EOF\n")
        assert {plain.headers["Cache-Control"], openmetrics.headers["Cache-Control"]} == {"no-store"}


class TestWithoutAToken:
    @pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
    def test_a_program_on_this_machine_is_answered(self, client: FlaskClient, address: str) -> None:
        assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": address}).status_code == 200

    @pytest.mark.parametrize("address", ["10.0.0.7", "203.0.113.9", "2001:db8::1", ""])
    def test_nobody_else_finds_anything(self, client: FlaskClient, address: str) -> None:
        assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": address}).status_code == 404

    @pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Proto"])
    def test_nor_who_comes_through_a_proxy_of_this_machine(self, client: FlaskClient, name: str) -> None:
        assert client.get("/metrics", headers={name: "127.0.0.1"}).status_code == 404


class TestWithAToken:
    @pytest.fixture(autouse=True)
    def _token(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], metrics_token=TOKEN))

    def test_who_has_it_is_answered_from_anywhere(self, client: FlaskClient) -> None:
        answer = client.get(
            "/metrics",
            headers={"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "203.0.113.9"},
            environ_overrides={"REMOTE_ADDR": "10.0.0.7"},
        )

        assert answer.status_code == 200

    @pytest.mark.parametrize("given", ["", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer 甘味"])
    def test_who_has_not_is_refused_on_this_machine_too(self, client: FlaskClient, given: str) -> None:
        answer = client.get("/metrics", headers={"Authorization": given.encode().decode("latin-1")})

        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ganwei_" not in answer.get_data(as_text=True)
