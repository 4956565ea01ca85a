"""One embedded PostgreSQL for all test processes; in it one database a process, migrated and with reference data.

Every database of the tests holds our tables in the schema that GANWEI_TEST_SCHEMA names, `public` by default. With
GANWEI_TEST_ONE_ROLE=1 one role owns and uses the shop's database, instead of an owner and the application's role.
"""

import contextvars
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.config import Payee, Settings
from shop.localpg import LocalServer, destroy, ensure_running, running

CLUSTER = "GANWEI_TEST_CLUSTER"
SCHEMA = os.environ.get("GANWEI_TEST_SCHEMA", "public")
SERVER = pytest.StashKey[LocalServer]()

PAYEE = Payee("甘味测试商城", "测试银行", "6200 0000 0000 0000", "test")

KEPT = frozenset(
    {
        "alembic_version",
        "region",
        "partner",
        "pairing",
        "channel",
        "category",
        "declared_figure",
        "counting_rule",
        "producer",
        "product",
        "search_word",
        "sku",
    }
)
"""Tables of reference data, loaded once; every other table is emptied after each test."""


class IsolatedClient(FlaskClient):
    """A client whose requests share nothing with the test's own application context, as over the network.

    Flask would lend them the context that the `session` fixture holds, and with it who was signed in a request ago,
    whether a form's token was checked, the language, and the database session.
    """

    def open(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request in a context of its own, and take the whole answer there, as it leaves."""
        kwargs.setdefault("buffered", True)
        return contextvars.Context().run(super().open, *args, **kwargs)


def pytest_configure(config: pytest.Config) -> None:
    """Start the server in the first process; the others find it through the environment."""
    if not hasattr(config, "workerinput"):
        directory = Path(tempfile.mkdtemp(prefix="ganwei-tests-"))
        directory.chmod(0o711)  # so that the unprivileged user who runs the server for root can pass through
        # A test's data need not outlive a power cut.
        config.stash[SERVER] = ensure_running(
            directory, settings={"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        )
        os.environ[CLUSTER] = str(directory)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server and remove its data."""
    server = config.stash.get(SERVER, None)
    if server is not None:
        server.stop()
        directory = Path(os.environ[CLUSTER])
        destroy(directory)
        directory.rmdir()


@dataclass(frozen=True)
class DatabaseUrls:
    """One database, or one schema in it, as three roles see it."""

    owner: str
    app: str
    superuser: str

    def in_schema(self, schema: str) -> "DatabaseUrls":
        """Return the addresses at which each role finds this schema, and no other."""
        urls = (
            sa.make_url(url).update_query_dict({"options": f"-csearch_path={schema}"})
            for url in (self.owner, self.app, self.superuser)
        )
        return DatabaseUrls(*(url.render_as_string(hide_password=False) for url in urls))


def execute(url: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()


@pytest.fixture(scope="session")
def new_database(worker_id: str) -> Callable[[str], DatabaseUrls]:
    """Return a function that makes an empty database of this test process."""
    server = running(Path(os.environ[CLUSTER]))
    assert server is not None

    def make(name: str) -> DatabaseUrls:
        database = f"{name}_{worker_id}"
        execute(
            server.url(role="postgres", database="postgres"),
            f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)',
            f'CREATE DATABASE "{database}" OWNER ganwei_owner',
        )
        urls = DatabaseUrls(
            owner=server.url(role="ganwei_owner", database=database),
            app=server.url(role="ganwei_app", database=database),
            superuser=server.url(role="postgres", database=database),
        )
        if SCHEMA == "public":
            return urls
        execute(
            urls.superuser,
            f'CREATE SCHEMA "{SCHEMA}" AUTHORIZATION ganwei_owner',
            f'GRANT USAGE ON SCHEMA "{SCHEMA}" TO ganwei_app',
            # Whatever falls back on it fails.
            "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        )
        return urls.in_schema(SCHEMA)

    return make


@pytest.fixture(scope="session")
def database_urls(new_database: Callable[[str], DatabaseUrls]) -> DatabaseUrls:
    """Return the shop's database of this test process."""
    urls = new_database("shop")
    return replace(urls, app=urls.owner) if os.environ.get("GANWEI_TEST_ONE_ROLE") == "1" else urls


@pytest.fixture(scope="session")
def settings(database_urls: DatabaseUrls) -> Settings:
    """Return settings for tests: outside the demo, cheap passwords, plain HTTP."""
    return Settings(
        database_url=database_urls.app,
        database_owner_url=database_urls.owner,
        secret_key="s" * 48,
        password_salt="p" * 48,
        totp_secret="t" * 48,
        payee=PAYEE,
        secure_cookies=False,
        password_guesses="1000 per minute",
        password_memory_kib=8 * 5,
        shared_page_seconds=0,
    )


@pytest.fixture(scope="session")
def migrated_app(settings: Settings) -> Iterator[Flask]:
    """Return the application on its migrated database with the reference data."""
    from flask_migrate import upgrade  # noqa: PLC0415  # after the server has started

    from shop import create_app  # noqa: PLC0415
    from shop.catalogue.reference import load_reference  # noqa: PLC0415
    from shop.db import db, transaction  # noqa: PLC0415

    app = create_app(settings)
    app.testing = True
    app.test_client_class = IsolatedClient
    with app.app_context():
        upgrade()
        with transaction() as session:
            load_reference(session)
        engine = db.engine
    yield app
    engine.dispose()


@pytest.fixture
def app(migrated_app: Flask, superuser: sa.Engine) -> Iterator[Flask]:
    """Return the application; what the test stored is gone after it, and was told where a request stored it."""
    from tests import watch  # noqa: PLC0415  # after the server has started

    watch.unaudited.clear()
    yield migrated_app
    with superuser.begin() as connection:
        tables = set(sa.inspect(connection).get_table_names()) - KEPT
        names = ", ".join(f'"{name}"' for name in sorted(tables))
        connection.execute(sa.text(f"TRUNCATE {names}"))
        connection.execute(sa.text("UPDATE sku SET stock = 0 WHERE stock <> 0"))
    assert watch.unaudited == []


@pytest.fixture(scope="session")
def superuser(database_urls: DatabaseUrls) -> Iterator[sa.Engine]:
    """Return an engine that goes behind the application's back."""
    engine = sa.create_engine(database_urls.superuser)
    yield engine
    engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a browser or API client without a session."""
    return app.test_client()


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """Return a session of the application's role. What a request shall see has to be committed."""
    from shop.db import db  # noqa: PLC0415

    with app.app_context():
        yield db.session


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """Return the name of this test process."""
    return str(getattr(request.config, "workerinput", {}).get("workerid", "main"))
