"""The queue's schema: procrastinate's tables and nothing else, one beside each programme's."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import ProgrammingError

from shop import create_app
from shop.config import Settings
from shop.jobs.schema import SELECT_FOR_SESSION, prepare
from shop.jobs.worker import make_queue
from tests.conftest import DatabaseUrls, execute
from tests.jobs.conftest import Sql
from tests.jobs.loops import run_to_end

TABLES = {"procrastinate_jobs", "procrastinate_events", "procrastinate_periodic_defers", "procrastinate_workers"}
PROGRAMMES = ("gansu_tianjin", "gansu_qingdao")
VERSION = "SELECT obj_description(current_schema()::regnamespace, 'pg_namespace')"


class TestPrepare:
    def test_is_done_by_the_upgrade_and_makes_no_table_but_procrastinates(self, sql: Sql) -> None:
        found = sql(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
        )

        assert {name for (name,) in found} == TABLES

    def test_can_be_repeated_and_keeps_what_waits(self, app: Flask, sql: Sql) -> None:
        sql("INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('default', 'seal')")

        result = app.test_cli_runner().invoke(args=["jobs", "prepare"])

        assert result.exit_code == 0, result.output
        assert sql("SELECT task_name FROM procrastinate_jobs") == [("seal",)]

    def test_brings_an_older_queue_up_to_date(self, app: Flask, sql: Sql) -> None:
        [(newest,)] = sql(VERSION)
        ((schema,),) = sql("SELECT current_schema()")
        made_last = "procrastinate_trigger_function_status_events_update_v1"
        sql(f"DROP FUNCTION {made_last} CASCADE")
        sql(f"COMMENT ON SCHEMA {schema} IS '03.04.00_01_pre_add_retry_failed_job_procedure.sql'")

        result = app.test_cli_runner().invoke(args=["jobs", "prepare"])

        assert result.exit_code == 0, result.output
        assert sql(VERSION) == [(newest,)]
        assert sql(f"SELECT to_regproc('{made_last}') IS NOT NULL") == [(True,)]

    def test_lets_the_application_use_the_tables_and_change_none(self, programmes: list[Flask]) -> None:
        engine = sa.create_engine(programmes[0].config["SETTINGS"].database_url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.execute(sa.text(SELECT_FOR_SESSION))
            assert connection.execute(sa.text("SELECT count(*) FROM procrastinate_jobs")).one()
            for statement in ("CREATE TABLE mine (id int)", "ALTER TABLE procrastinate_jobs ADD mine int"):
                with pytest.raises(ProgrammingError, match=r"permission|owner"), connection.begin_nested():
                    connection.execute(sa.text(statement))


@pytest.fixture
def programmes(new_database: Callable[[str], DatabaseUrls], settings: Settings) -> list[Flask]:
    """Return two programmes that share a database, each with its queue and nothing else."""
    urls = new_database("queues")
    execute(urls.superuser, *(f"CREATE SCHEMA {name} AUTHORIZATION ganwei_owner" for name in PROGRAMMES))
    execute(urls.superuser, *(f"GRANT USAGE ON SCHEMA {name} TO ganwei_app" for name in PROGRAMMES))
    apps = []
    for name in PROGRAMMES:
        own = urls.in_schema(name)
        engine = sa.create_engine(own.owner, poolclass=sa.NullPool)
        with engine.begin() as connection:
            prepare(connection, role="ganwei_app")
            assert connection.scalar(sa.text("SELECT current_schema()")) == name
        apps.append(create_app(replace(settings, database_url=own.app)))
    return apps


def test_each_programme_has_a_queue_of_its_own(programmes: list[Flask]) -> None:
    async def waiting(app: Flask) -> list[str]:
        queue = make_queue(app)
        async with queue.open_async():
            return [job.task_name for job in await queue.job_manager.list_jobs_async()]

    async def defer(app: Flask) -> None:
        queue = make_queue(app)
        async with queue.open_async():
            await queue.configure_task("seal").defer_async(timestamp=0)

    run_to_end(defer(programmes[0]))

    assert [run_to_end(waiting(app)) for app in programmes] == [["seal"], []]
