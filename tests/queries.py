"""Counting the statements that a page sends to the database, so that none grows with its rows."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from flask import Flask

from shop.db import db


@contextmanager
def counted(app: Flask) -> Iterator[list[str]]:
    """Give a list that fills with the statements that the application sends within the block."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
