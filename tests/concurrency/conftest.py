"""A database with nothing but the ledger's tables, which the test's own processes reach by its address."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, create_engine

from tests.conftest import DatabaseUrls
from tests.ledger.databases import empty_out, make_books


@pytest.fixture(scope="session")
def crowd_urls(new_database: Callable[[str], DatabaseUrls]) -> DatabaseUrls:
    """Return the addresses of the database."""
    urls = new_database("crowd")
    make_books(urls.owner, role="ganwei_app")
    return urls


@pytest.fixture
def superuser(crowd_urls: DatabaseUrls) -> Iterator[Engine]:
    """Return an engine that sees who waits for whom, on empty books."""
    engine = create_engine(crowd_urls.superuser)
    empty_out(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def application(crowd_urls: DatabaseUrls, superuser: Engine) -> Iterator[Engine]:  # noqa: ARG001 -- it empties the books
    """Return an engine of the application's role on empty books."""
    engine = create_engine(crowd_urls.app)
    yield engine
    engine.dispose()
