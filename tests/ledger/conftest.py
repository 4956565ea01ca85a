"""A database with nothing but the ledger's tables, empty before each test."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from tests.conftest import DatabaseUrls
from tests.ledger.databases import empty_out, make_books


@pytest.fixture(scope="session")
def books_urls(new_database: Callable[[str], DatabaseUrls]) -> DatabaseUrls:
    """Return a database in which the application's role has its rights and no more."""
    urls = new_database("books")
    make_books(urls.owner, role="ganwei_app")
    return urls


@pytest.fixture(scope="session")
def books_engine(books_urls: DatabaseUrls) -> Iterator[Engine]:
    """Return an engine of the application's role."""
    engine = create_engine(books_urls.app, pool_size=20)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def tamperer(books_urls: DatabaseUrls) -> Iterator[Engine]:
    """Return an engine of the superuser, who can go behind the ledger's back."""
    engine = create_engine(books_urls.superuser)
    yield engine
    engine.dispose()


@pytest.fixture
def empty_books(books_engine: Engine, tamperer: Engine) -> Engine:
    """Return the application's engine on empty books."""
    empty_out(tamperer)
    return books_engine


@pytest.fixture
def books(empty_books: Engine) -> Iterator[Session]:
    """Return a session of the application's role on empty books."""
    with Session(empty_books) as session:
        yield session
