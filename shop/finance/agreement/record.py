"""When the books were last checked, and what came of it: on record in the audit trail."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ledger import Verdict
from shop.identity import audit
from shop.identity.actor import Actor
from shop.identity.models import AuditEvent

ACTION = "ledger.verified"


@dataclass(frozen=True)
class LastCheck:
    """The last check of the whole books: when it ended, and the names of the checks that failed."""

    at: datetime
    problems: list[str]


def keep(session: Session, actor: Actor | None, verdict: Verdict) -> None:
    """Put the verdict on the whole books on record, in the caller's transaction.

    Args:
        session: another one than that of the check, which reads a snapshot and writes nothing.
        actor: who asked for it; None at the command line.
        verdict: what the check found.
    """
    problems = [problem.check for problem in verdict.problems]
    audit.record(session, actor, action=ACTION, subject="ledger", problems=problems)


def last(session: Session) -> LastCheck | None:
    """Return the last check on record; None if there was none."""
    query = sa.select(AuditEvent.at, AuditEvent.detail).where(AuditEvent.action == ACTION)
    row = session.execute(query.order_by(AuditEvent.at.desc()).limit(1)).one_or_none()
    return None if row is None else LastCheck(row.at, list(row.detail["problems"]))
