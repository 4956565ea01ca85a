"""Books of their own behind a proxy, in the tests' server and in one that may be killed."""

import gc
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from shop.localpg import destroy
from shop.localpg.places import socket_file
from tests.conftest import DatabaseUrls, execute
from tests.faults.ledger.client import Forks
from tests.faults.ledger.harness import Site
from tests.faults.ledger.proxy import PATIENCE_SECONDS, Proxy
from tests.faults.localpg_harness import served
from tests.ledger.databases import make_books


@contextmanager
def opened(urls: DatabaseUrls, forks: Forks) -> Iterator[Site]:
    """Make books in an empty database, and open a way through a proxy to them."""
    make_books(urls.owner, role="ganwei_app")
    url = sa.make_url(urls.superuser)
    # Whatever waits longer has hung.
    execute(urls.superuser, f"ALTER DATABASE \"{url.database}\" SET statement_timeout = '{PATIENCE_SECONDS}s'")
    with tempfile.TemporaryDirectory(prefix="ganwei-faults-") as name:
        server = socket_file(Path(str(url.query["host"])))
        with Proxy(server, Path(name)) as proxy:
            site = Site.open(urls, Path(name), forks=forks, proxy=proxy)
            yield site
            site.close()


@pytest.fixture
def lost_cursors_let_go() -> Iterator[None]:
    """Let go of cursors on the server at the end of a test that marks their warning as harmless.

    When a connection is lost, SQLAlchemy leaves its cursors as they are, and psycopg warns that nobody closed them.
    """
    yield
    gc.collect()


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Return the process that forks clients."""
    with Forks() as process:
        yield process


@pytest.fixture(scope="session")
def site(new_database: Callable[[str], DatabaseUrls], forks: Forks) -> Iterator[Site]:
    """Return books in the tests' server."""
    with opened(new_database("faults"), forks) as site:
        yield site


@pytest.fixture(scope="module")
def own_site(forks: Forks) -> Iterator[Site]:
    """Return books in a server that no other test uses."""
    with tempfile.TemporaryDirectory(prefix="ganwei-crashes-") as name:
        directory = Path(name)
        directory.chmod(0o711)  # so that the unprivileged user who runs the server for root can pass through
        with served(directory / "postgres") as server:
            urls = DatabaseUrls(*(server.url(role=role) for role in ("ganwei_owner", "ganwei_app", "postgres")))
            with opened(urls, forks) as site:
                yield site
        destroy(directory / "postgres")
