"""Saving a programme's books to a file, and bringing them back into an empty place.

A backup is a directory: `books.dump`, pg_dump's own format, and `manifest.json`, which says what must be in it. All
of it is read in one snapshot. The job queue stays out: `db upgrade` makes it anew, and what waited is found again.
"""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

import ledger

DUMP = "books.dump"
MANIFEST = "manifest.json"

_CHUNK = 1 << 20


class BackupError(Exception):
    """The books could not be saved or brought back. The message says what to do."""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds: its schema, the last seal, the number of rows of every table, and the hash of the dump."""

    made_at: str
    migration: str
    server: str
    place: str
    head_seq: int
    head_hash: str
    rows: dict[str, int] = field(default_factory=dict)
    dump_sha256: str = ""
    dump_bytes: int = 0


def back_up(url: str, directory: Path, *, programs: Path | None) -> Manifest:
    """Save the schema that `url` finds to a new directory, as it is at one instant, while work goes on.

    Args:
        url: the database, as the role that owns the tables.
        directory: it must not exist yet; it appears when the backup is whole.
        programs: where pg_dump is; None for the PATH.

    Raises:
        BackupError: the directory exists, or pg_dump failed.
    """
    if directory.exists():
        raise BackupError(f"{directory} exists already. Give a new directory: a backup is never overwritten.")
    draft = directory.with_name(directory.name + ".part")
    try:
        draft.mkdir(parents=True, mode=0o700)
    except FileExistsError as error:
        raise BackupError(f"{draft} is left of a backup that did not finish. Remove it and try again.") from error
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with Session(engine) as session, _snapshot(session) as (snapshot, schema):
        manifest = _manifest(session, place=schema)
        command = ["--format=custom", "--no-owner", "--no-privileges", f"--schema={_pattern(schema)}"]
        _run("pg_dump", [*command, f"--snapshot={snapshot}", f"--file={draft / DUMP}"], url=url, programs=programs)
    whole = Manifest(
        **asdict(manifest) | {"dump_sha256": _sha256(draft / DUMP), "dump_bytes": (draft / DUMP).stat().st_size}
    )
    text = json.dumps(asdict(whole), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    (draft / MANIFEST).write_text(text, encoding="utf-8")
    draft.rename(directory)
    return whole


def read_manifest(directory: Path) -> Manifest:
    """Return what a backup says of itself, once its dump has the hash that it names.

    Raises:
        BackupError: it is no backup, or the dump is another one.
    """
    try:
        manifest = Manifest(**json.loads((directory / MANIFEST).read_text(encoding="utf-8")))
        found = _sha256(directory / DUMP)
    except (OSError, ValueError, TypeError) as error:
        raise BackupError(f"{directory} is no backup: {error}") from error
    if found != manifest.dump_sha256:
        raise BackupError(f"{directory / DUMP} is damaged: its SHA-256 is {found}, not {manifest.dump_sha256}.")
    return manifest


def restore(url: str, directory: Path, *, programs: Path | None) -> Manifest:
    """Bring a backup back into the place that `url` finds, which must hold no table yet, all of it or nothing.

    The rights of the application's role are not part of it: grant them afterwards, then compare with `differences`.

    Raises:
        BackupError: the backup is damaged, the place is in use or of another name, or pg_restore failed.
    """
    manifest = read_manifest(directory)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        schema = connection.scalar(sa.text("SELECT current_schema()"))
        if schema != manifest.place:
            raise BackupError(f"The backup is of the schema {manifest.place}; this address leads to {schema}.")
        if tables := sa.inspect(connection).get_table_names():
            raise BackupError(f"The place is not empty: it has {len(tables)} tables. Restore into a new database.")
    _prepare(engine)
    command = ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
    entries = _run("pg_restore", ["--list", str(directory / DUMP)], url="", programs=programs)
    # The schema itself is there already: it is the place.
    wanted = [line for line in entries.splitlines() if " SCHEMA - " not in line and " COMMENT - SCHEMA " not in line]
    chosen = directory.with_name(directory.name + ".list")
    chosen.write_text("\n".join(wanted) + "\n", encoding="utf-8")
    try:
        database = sa.make_url(url).database
        options = [*command, f"--use-list={chosen}", f"--dbname={database}", str(directory / DUMP)]
        _run("pg_restore", options, url=url, programs=programs)
    finally:
        chosen.unlink()
    return manifest


def _prepare(engine: sa.Engine) -> None:
    """Make what a database has once, whatever schemas are in it, and so no backup of a schema holds."""
    with engine.begin() as connection:
        if not connection.scalar(sa.text("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")):
            connection.execute(sa.text("CREATE EXTENSION pg_trgm WITH SCHEMA public"))


def differences(session: Session, manifest: Manifest) -> list[str]:
    """Return in what the place that `session` sees is not what the manifest says; nothing when it is the same."""
    found = _manifest(session, place=manifest.place)
    wrong = [
        f"{name} is {getattr(found, name)}, not {getattr(manifest, name)}"
        for name in ("migration", "head_seq", "head_hash")
        if getattr(found, name) != getattr(manifest, name)
    ]
    tables = sorted(found.rows.keys() | manifest.rows.keys())
    return wrong + [
        f"{table} has {found.rows.get(table, 'no')} rows, not {manifest.rows.get(table, 'no')}"
        for table in tables
        if found.rows.get(table) != manifest.rows.get(table)
    ]


@contextmanager
def _snapshot(session: Session) -> Iterator[tuple[str, str]]:
    session.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    row = session.execute(sa.text("SELECT pg_export_snapshot(), current_schema()")).one()
    yield row[0], row[1]


def _manifest(session: Session, *, place: str) -> Manifest:
    head = ledger.head(session)
    names = sa.inspect(session.connection()).get_table_names()
    rows = {name: session.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) or 0 for name in sorted(names)}
    return Manifest(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        migration=str(session.scalar(sa.text("SELECT version_num FROM alembic_version"))),
        server=str(session.scalar(sa.text("SHOW server_version"))),
        place=place,
        head_seq=head.seq,
        head_hash=head.hash.hex(),
        rows=rows,
    )


def _run(name: str, options: list[str], *, url: str, programs: Path | None) -> str:
    argv = [str(programs / name) if programs else name, *options]
    try:
        done = subprocess.run(argv, env=_environment(url), capture_output=True, text=True, check=False)  # noqa: S603 - PostgreSQL's own programs
    except OSError as error:
        raise BackupError(f"{name} cannot be started: {error}. Install PostgreSQL's client programs.") from error
    if done.returncode:
        raise BackupError(f"{name} failed: {done.stderr.strip()}")
    return done.stdout


def _environment(url: str) -> dict[str, str]:
    """Tell PostgreSQL's programs where to go, through the environment: a command line can be read by everybody."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if not url:
        return environ
    parsed = sa.make_url(url)
    values = {
        "PGHOST": parsed.host or parsed.query.get("host"),
        "PGPORT": str(parsed.port or parsed.query.get("port") or ""),
        "PGUSER": parsed.username,
        "PGPASSWORD": parsed.password,
        "PGDATABASE": parsed.database,
        "PGOPTIONS": parsed.query.get("options"),
        "PGSSLMODE": parsed.query.get("sslmode"),
    }
    return environ | {name: str(value) for name, value in values.items() if value}


def _pattern(schema: str) -> str:
    return '"' + schema.replace('"', '""') + '"'


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
