"""Where the job queue lives: procrastinate's tables and triggers, in a schema of their own beside the programme's.

A programme is one schema, `public` or another. Each has a queue of its own, or its jobs would run on another's books.
"""

from importlib import resources

import sqlalchemy as sa

from shop.queue import NAME, SELECT_FOR_SESSION, SELECT_FOR_TRANSACTION

__all__ = ["SELECT_FOR_SESSION", "SELECT_FOR_TRANSACTION", "prepare"]

_ONE_AT_A_TIME = 6_206_207
"""The advisory lock that two who prepare share: the second waits and finds the work done."""


def prepare(connection: sa.Connection, *, role: str) -> None:
    """Make the queue's schema or bring it up to date, and let `role` work with it. It may be repeated.

    Runs in the caller's database transaction, as the role that owns the programme's tables. The schema's comment tells
    which of procrastinate's migrations it has; no table of ours is in it.
    """
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
    programme = connection.scalar(sa.text("SELECT current_setting('search_path')"))
    name = connection.scalar(sa.text(f"SELECT quote_ident({NAME})"))
    # IF NOT EXISTS would ask for the right to make schemas even where an administrator has made this one.
    if not connection.scalar(sa.text("SELECT to_regnamespace(:name)"), {"name": name}):
        connection.execute(sa.text(f"CREATE SCHEMA {name}"))
    connection.execute(sa.text(SELECT_FOR_TRANSACTION))
    _bring_up_to_date(connection, name)
    for statement in _grants(name, role):
        connection.execute(sa.text(statement))
    connection.execute(sa.text("SELECT set_config('search_path', :path, true)"), {"path": programme})


def _bring_up_to_date(connection: sa.Connection, name: str) -> None:
    sql = resources.files("procrastinate.sql")
    migrations = {path.name: path for path in (sql / "migrations").iterdir() if path.name.endswith(".sql")}
    has = connection.scalar(sa.text("SELECT obj_description(to_regnamespace(:name), 'pg_namespace')"), {"name": name})
    if has is None:
        scripts = [sql / "schema.sql"]
    else:
        scripts = [migrations[migration] for migration in sorted(migrations) if migration > has]
    for script in scripts:
        # Without parameters a percent sign is one, and several statements may come at once.
        connection.exec_driver_sql(script.read_text(encoding="utf-8"), execution_options={"no_parameters": True})
    connection.execute(sa.text(f"COMMENT ON SCHEMA {name} IS '{max(migrations)}'"))


def _grants(name: str, role: str) -> list[str]:
    quoted = '"' + role.replace('"', '""') + '"'
    return [
        f"GRANT USAGE ON SCHEMA {name} TO {quoted}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO {quoted}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {name} TO {quoted}",
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {name} TO {quoted}",
    ]
