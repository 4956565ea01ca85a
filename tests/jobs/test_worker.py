"""Jobs run for real: through procrastinate, on PostgreSQL, in the application's context."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from flask import Flask
from sqlalchemy.orm import Session

import ledger
from shop.config import Settings
from shop.jobs import tasks
from shop.jobs.worker import make_queue
from shop.localpg.places import PROJECT
from tests.jobs.conftest import Sql, work_off
from tests.ledger.factories import a_sale

JOBS = "SELECT task_name, status::text, attempts FROM procrastinate_jobs WHERE task_name = 'seal' ORDER BY id"


def post(session: Session, *, count: int) -> None:
    for number in range(count):
        ledger.post(session, a_sale(f"sale:{number}"))
    session.commit()


class TestSeal:
    def test_seals_what_waits_and_is_forgotten(self, app: Flask, session: Session, sql: Sql) -> None:
        post(session, count=3)
        assert ledger.head(session).waiting == 3
        session.rollback()

        work_off(app, "seal")

        head = ledger.head(session)
        assert (head.seq, head.waiting, head.oldest_waiting_at) == (3, 0, None)
        assert sql("SELECT 1 FROM procrastinate_jobs WHERE status <> 'todo'") == []

    def test_is_done_once_by_two_workers(self, app: Flask, session: Session, sql: Sql) -> None:
        post(session, count=40)

        with ThreadPoolExecutor(2) as workers:
            for done in [workers.submit(work_off, app, *["seal"] * 3) for _ in range(2)]:
                done.result()

        head = ledger.head(session)
        assert (head.seq, head.waiting) == (40, 0)
        assert ledger.verify(session).ok
        assert sql("SELECT 1 FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing')") == []

    def test_and_the_others_are_due_in_time(self, app: Flask) -> None:
        due = {name: task.cron for (name, _), task in make_queue(app).periodic_registry.periodic_tasks.items()}

        every_minute = dict.fromkeys(("expire", "seal"), "* * * * *")
        assert (
            every_minute | {"tidy": "*/5 * * * *", "forget": "17 * * * *", "deliver": "37 * * * *"}
        ).items() <= due.items()


class TestSealWaiting:
    @pytest.fixture(autouse=True)
    def _small_batches(self, monkeypatch: pytest.MonkeyPatch, session: Session) -> None:
        seal = ledger.seal
        monkeypatch.setattr(ledger, "seal", lambda session: seal(session, limit=2))
        post(session, count=5)

    def test_goes_on_until_none_is_left(self, session: Session) -> None:
        assert tasks.seal_waiting() == 5
        assert ledger.head(session).waiting == 0
        assert tasks.seal_waiting() == 0

    def test_stops_between_batches_when_told_to(self, session: Session) -> None:
        assert tasks.seal_waiting(lambda: True) == 2
        assert ledger.head(session).waiting == 3

    def test_leaves_the_rest_to_the_next_after_so_many_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tasks, "MAX_SEAL_BATCHES", 2)

        assert tasks.seal_waiting() == 4


class TestFailure:
    @pytest.fixture(autouse=True)
    def _broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_should_stop: object) -> int:
            raise RuntimeError("no luck")

        monkeypatch.setattr(tasks, "seal_waiting", fail)

    def test_is_logged_and_the_job_waits_for_another_attempt(self, app: Flask, sql: Sql) -> None:
        with structlog.testing.capture_logs() as said:
            work_off(app, "seal")

        assert {line["event"] for line in said} == {"job failed"}
        # The one that is due by the clock may have run too.
        assert set(sql(JOBS)) == {("seal", "todo", 1)}
        assert sql("SELECT 1 FROM procrastinate_jobs WHERE scheduled_at <= now()") == []

    def test_of_the_last_attempt_leaves_the_job_to_be_looked_at(self, app: Flask, sql: Sql) -> None:
        sql(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, attempts, args)"
            """ VALUES ('default', 'seal', :attempts, CAST('{"timestamp": 0}' AS jsonb))""",
            attempts=tasks.MAX_ATTEMPTS - 1,
        )

        work_off(app)

        assert ("seal", "failed", tasks.MAX_ATTEMPTS) in sql(JOBS)


class TestTidy:
    def test_lets_what_a_dead_worker_left_run_again_but_not_for_ever(self, app: Flask, sql: Sql) -> None:
        sql(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status, attempts)"
            " VALUES ('default', 'gone', 'doing', 0), ('default', 'deadly', 'doing', :attempts)",
            attempts=tasks.MAX_ATTEMPTS - 1,
        )

        work_off(app, "tidy")

        jobs = sql("SELECT task_name, status::text FROM procrastinate_jobs WHERE task_name IN ('gone', 'deadly')")
        # The first ran again, and failed because no such task exists.
        assert set(jobs) == {("gone", "failed"), ("deadly", "failed")}
        retried = sql(
            "SELECT task_name FROM procrastinate_events event JOIN procrastinate_jobs job ON job.id = job_id"
            " WHERE type = 'deferred_for_retry'"
        )
        assert retried == [("gone",)]

    def test_forgets_what_failed_long_ago(self, app: Flask, sql: Sql) -> None:
        sql(
            "WITH job AS (INSERT INTO procrastinate_jobs (queue_name, task_name, status)"
            " VALUES ('default', 'old', 'failed'), ('default', 'new', 'failed') RETURNING id, task_name)"
            " INSERT INTO procrastinate_events (job_id, type, at) SELECT id, 'failed',"
            " CASE task_name WHEN 'old' THEN now() - :hours * interval '1 hour' ELSE now() END FROM job",
            hours=tasks.KEPT_HOURS + 1,
        )

        work_off(app, "tidy")

        assert sql("SELECT task_name FROM procrastinate_jobs WHERE status = 'failed'") == [("new",)]


class TestRun:
    @pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
    @pytest.mark.usefixtures("sql")
    def test_works_until_it_is_told_to_stop_and_says_so_in_json(
        self, settings: Settings, session: Session, signum: int
    ) -> None:
        post(session, count=2)
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE", "GANWEI"))}
        environ |= {"DATABASE_URL": settings.database_url, "GANWEI_DEMO": "1"}
        environ |= dict.fromkeys(("SECRET_KEY", "SECURITY_PASSWORD_SALT", "TOTP_SECRET"), "s" * 48)

        worker = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", "jobs", "run"],
            cwd=PROJECT,
            env=environ,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert worker.stderr is not None
        # The tick that passed last is caught up with at once.
        said = [json.loads(worker.stderr.readline()) for _ in range(2)]
        worker.send_signal(signum)
        rest = [json.loads(line) for line in worker.communicate(timeout=30)[1].splitlines()]

        assert worker.returncode == 0
        assert [line["event"] for line in (*said, *rest)] == ["worker started", "ledger sealed", "worker stopped"]
        assert said[1]["entries"] == 2
        assert said[1]["task"] == "seal"
