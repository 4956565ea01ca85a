"""Counting of queries, so that a list does not ask once a row."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from shop.db import db


@pytest.fixture
def count_queries(app: Flask, session: Session) -> Callable[[], AbstractContextManager[list[str]]]:
    """Return a context manager that lists the statements sent within it."""
    assert app.testing
    engine = session.get_bind()
    assert engine is db.engine

    @contextmanager
    def counted() -> Iterator[list[str]]:
        statements: list[str] = []

        def note(*args: object) -> None:
            statements.append(str(args[2]))

        sa.event.listen(engine, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            sa.event.remove(engine, "before_cursor_execute", note)

    return counted
