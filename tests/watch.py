"""Watches every request of every test: what a request commits, the audit trail tells."""

import sqlalchemy as sa
from flask import has_request_context, request
from sqlalchemy.orm import ORMExecuteState, Session

from shop.identity.models import AuditEvent

NEEDS_NO_EVENT = frozenset(
    {
        "stored_answer",  # the answer to a write, whose event is stored beside it
        "basket_line",  # what somebody thinks of buying; the order is told
        "guess_count",  # how often somebody guessed a password of late
        "outgoing_mail",  # a letter about what is told
        "user_session",  # who is signed in where, and when last; the sign-in is told
    }
)
"""Tables that a request may write without telling."""

unaudited: list[str] = []
"""What requests of this test wrote without an event."""

_WRITTEN = "test_written"
_TOLD = "test_told"


@sa.event.listens_for(Session, "before_flush")
def _note_flush(session: Session, *_: object) -> None:
    for row in (*session.new, *session.deleted, *(one for one in session.dirty if session.is_modified(one))):
        if isinstance(row, AuditEvent):
            session.info[_TOLD] = True
        else:
            session.info.setdefault(_WRITTEN, set()).add(str(row.__tablename__))


@sa.event.listens_for(Session, "do_orm_execute")
def _note_statement(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        table = getattr(state.statement, "table", None)
        state.session.info.setdefault(_WRITTEN, set()).add(getattr(table, "name", "a statement"))


@sa.event.listens_for(Session, "before_commit")
def _judge(session: Session) -> None:
    if session.in_nested_transaction():
        return
    session.flush()
    written = session.info.pop(_WRITTEN, set()) - NEEDS_NO_EVENT
    told = session.info.pop(_TOLD, False)
    if written and not told and has_request_context():
        unaudited.append(f"{request.method} {request.url_rule} wrote {', '.join(sorted(written))} and told nothing")


@sa.event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_WRITTEN, None)
    session.info.pop(_TOLD, None)
