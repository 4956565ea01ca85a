"""`flask jobs ...`: the queue on the command line. Exit codes: 0 done, 1 found something wrong, 2 called wrongly."""

import sys

import click
import sqlalchemy as sa
from flask import current_app
from flask.cli import AppGroup

from shop import logs
from shop.config import Settings
from shop.jobs import schema

jobs = AppGroup("jobs", help="Work in the background.")


@jobs.command()
def prepare() -> None:
    """Make the queue's tables in their own schema, or bring them up to date. `db upgrade` does the same."""
    settings: Settings = current_app.config["SETTINGS"]
    engine = sa.create_engine(settings.migration_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        role = sa.make_url(settings.database_url).username or connection.scalar(sa.text("SELECT current_user"))
        schema.prepare(connection, role=str(role))
    click.echo("The job queue is ready.")


@jobs.command()
def run() -> None:
    """Run jobs until SIGTERM or Ctrl-C; what runs by then is finished first."""
    from shop.jobs import worker  # noqa: PLC0415 - procrastinate would make every web process and command start later

    logs.adopt_libraries()
    if not worker.run(current_app._get_current_object()):  # type: ignore[attr-defined]  # noqa: SLF001 - Flask's documented way
        sys.exit(1)
