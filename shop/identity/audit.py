"""The audit trail: who did what to what, and what that was before and after.

Rows are stored in the commit of the change and only ever added: the application's role may do no more.
"""

import enum
import json
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstanceState, Session, UOWTransaction

import ledger
from shop.db import Base, copy_rows, now
from shop.identity.actor import Actor
from shop.identity.models import AuditEvent, StoredAnswer
from shop.identity.signin.models import GuessCount, UserSession
from shop.logs import request_id
from shop.mail.models import OutgoingMail

HIDDEN = "•••"
"""Stands for a secret, and for what names or reaches a private person: the trail can never be cleared of it."""

MAX_ROWS = 50
"""A change of more rows than this is told by its own words, not row by row."""

_PENDING = "audit_changes"
_as_json = json.JSONEncoder(ensure_ascii=False).encode
_EVENTS = "COPY audit_event (id, at, user_id, organisation_id, action, subject, detail, request_id) FROM STDIN"
_PRIVATE = ("password", "secret", "token", "hash", "uniquifier", "phone", "address", "recipient", "ship_name")
_NAMES = ("code", "number", "reference", "email")
_NOT_TOLD = (AuditEvent, StoredAnswer, OutgoingMail, UserSession, GuessCount)

Side = dict[str, dict[str, dict[str, Any]]]
"""Values by table, row and column."""


def record(session: Session, actor: Actor | None, *, action: str, subject: str, **detail: object) -> None:
    """Add one event to the caller's transaction, so that it is stored with the change or not at all.

    What objects of the session were before and are after comes along by itself: every change since the event before,
    up to the flush that stores this one. A service that changes rows by a statement tells it in `detail`.

    Args:
        session: the session of the change.
        actor: who did it; None for the system itself and for an operator at the command line.
        action: what was done, such as `sale.confirmed`.
        subject: what it was done to, such as `sale:2026-00017`.
        detail: what an auditor needs beside that; never a password or a token.
    """
    session.add(
        AuditEvent(
            user_id=actor.user_id if actor else None,
            organisation_id=actor.organisation_id if actor else None,
            action=action,
            subject=subject,
            detail={name: _plain(value) for name, value in detail.items()},
            request_id=request_id(),
        )
    )


def record_many(
    session: Session, actor: Actor, *, action: str, details: Iterable[tuple[str, dict[str, object]]]
) -> None:
    """Add one event for each of many subjects, which a statement changed, to the caller's transaction."""
    at, request = now(), request_id()
    events = [
        (ledger.uuid7(), at, actor.user_id, actor.organisation_id, action, subject, _as_json(_plain(detail)), request)
        for subject, detail in details
    ]
    copy_rows(session, _EVENTS, events)


@sa.event.listens_for(Session, "before_flush")
def _tell_changes(session: Session, _context: UOWTransaction, _instances: object) -> None:
    """Note what this flush changes, and give it to the event that is stored with it or comes next."""
    noted: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = session.info.setdefault(_PENDING, [])
    if len(noted) <= MAX_ROWS:
        noted.extend(_changes(session))
    events = [one for one in session.new if isinstance(one, AuditEvent) and one.before is None and one.after is None]
    if events and noted:
        if len(noted) <= MAX_ROWS:
            # Of what changed twice the first value counts before, the last one after.
            events[-1].before = _side((table, row, old) for table, row, old, _ in reversed(noted))
            events[-1].after = _side((table, row, new) for table, row, _, new in noted)
        noted.clear()


@sa.event.listens_for(Session, "after_commit")
def _forget_after_commit(session: Session) -> None:
    session.info.pop(_PENDING, None)


@sa.event.listens_for(Session, "after_soft_rollback")
def _forget_after_rollback(session: Session, _previous: object) -> None:
    session.info.pop(_PENDING, None)


def _changes(session: Session) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    for number, made in enumerate(session.new, start=1):
        if isinstance(made, Base) and not isinstance(made, _NOT_TOLD):
            table, name = _named(made)
            # Its id may be given by the flush itself.
            yield table, name or f"new {number}", {}, _values(made)
    for gone in session.deleted:
        if isinstance(gone, Base) and not isinstance(gone, _NOT_TOLD):
            yield (*_named(gone), _values(gone), {})
    for changed in session.dirty:
        if isinstance(changed, Base) and not isinstance(changed, _NOT_TOLD):
            old, new = _difference(changed)
            if new:
                yield (*_named(changed), old, new)


def _difference(row: Base) -> tuple[dict[str, Any], dict[str, Any]]:
    state: InstanceState[Base] = sa.inspect(row)
    old, new = {}, {}
    for column in state.mapper.column_attrs:
        history = state.attrs[column.key].history
        if history.has_changes():
            old[column.key] = _shown(column.key, history.deleted[0] if history.deleted else None)
            new[column.key] = _shown(column.key, history.added[0] if history.added else None)
    return old, new


def _values(row: Base) -> dict[str, Any]:
    state: InstanceState[Base] = sa.inspect(row)
    loaded = {column.key: state.dict.get(column.key) for column in state.mapper.column_attrs}
    return {name: _shown(name, value) for name, value in loaded.items() if value is not None}


def _named(row: Base) -> tuple[str, str]:
    state: InstanceState[Base] = sa.inspect(row)
    known = (state.dict.get(name) for name in _NAMES if name in state.mapper.column_attrs)
    key = state.identity or [state.dict.get(str(column.key)) for column in state.mapper.primary_key]
    name = next((value for value in known if isinstance(value, str)), None)
    return str(row.__tablename__), name or "/".join(str(part) for part in key if part is not None)


def _side(rows: Iterable[tuple[str, str, dict[str, Any]]]) -> Side:
    side: Side = {}
    for table, row, values in rows:
        if values:
            known = side.setdefault(table, {}).setdefault(row, {})
            known.update(values)
    return side


def _shown(name: str, value: object) -> Any:  # noqa: ANN401  # whatever JSON can hold
    is_private = value is not None and any(part in name for part in _PRIVATE)
    return HIDDEN if is_private else _plain(value)


def _plain(value: object) -> Any:  # noqa: ANN401  # whatever JSON can hold
    """Turn what services pass into what JSON can hold; a number that JSON would round becomes text."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if isinstance(value, enum.Enum):
        return _plain(value.value)
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)
