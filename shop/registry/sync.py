"""Bringing a table in line with its reference file, in bulk, and telling what that changed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.db import Base


@dataclass
class Change:
    """What a load did to one kind of row. Rows that no file names are left alone: an operator may have added them."""

    kind: str
    added: list[str] = field(default_factory=list)
    changed: dict[str, dict[str, tuple[Any, Any]]] = field(default_factory=dict)
    """By key, each column that changed with its old and its new value."""
    unchanged: int = 0

    @property
    def is_nothing(self) -> bool:
        """Whether the table already agreed with the file."""
        return not self.added and not self.changed


def sync(
    session: Session,
    model: type[Base],
    rows: Sequence[dict[str, Any]],
    *,
    key: tuple[str, ...],
    initial: Sequence[dict[str, Any]] = (),
) -> Change:
    """Insert the rows that are new and update those that differ, in the caller's transaction.

    Args:
        session: the caller's; nothing is committed.
        model: the table.
        rows: the columns that belong to the reference, one dict a row, all with the same columns.
        key: the columns by which a row is known again.
        initial: for each of `rows`, columns that are set when the row is new and never touched afterwards.
    """
    change = Change(model.__tablename__)
    if not rows:
        return change
    table = sa.inspect(model).local_table
    primary = [column.name for column in table.primary_key]
    wanted = list(dict.fromkeys([*primary, *rows[0]]))
    stored = {
        tuple(row[name] for name in key): row
        for row in session.execute(sa.select(*(table.c[name] for name in wanted))).mappings()
    }
    added: list[dict[str, Any]] = []
    updates: list[dict[str, Any]] = []
    for row, first in zip(rows, initial or [{}] * len(rows), strict=True):
        values = tuple(row[name] for name in key)
        label = ":".join(str(value) for value in values)
        known = stored.get(values)
        if known is None:
            change.added.append(label)
            added.append(row | first)
        elif differences := _differences(known, row):
            change.changed[label] = differences
            updates.append({name: known[name] for name in primary} | row)
        else:
            change.unchanged += 1
    _write(session, model, added=added, updates=updates)
    return change


def _differences(known: sa.RowMapping, row: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (known[name], value) for name, value in row.items() if known[name] != value}


def _write(
    session: Session, model: type[Base], *, added: Sequence[dict[str, Any]], updates: Iterable[dict[str, Any]]
) -> None:
    if added:
        session.execute(sa.insert(model), list(added))
    if changed := list(updates):
        session.execute(sa.update(model), changed)
        # Rows already in the session would go on showing what they were.
        session.expire_all()
