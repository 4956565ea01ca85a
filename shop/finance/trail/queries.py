"""Reading the audit trail. It is for people who see across organisations; a row never changes once it is there."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.config import BUSINESS_TIMEZONE
from shop.db import Page
from shop.finance.periods import Period
from shop.identity.models import AuditEvent, Organisation, Role, User

READERS = (Role.FINANCE, Role.AUDITOR)
MAX_EXPORT = 20_000
"""A file of more rows than this is asked for in parts, by day."""

EVERY_DAY = Period()
_BATCH = 1_000


@dataclass(frozen=True)
class Search:
    """What is looked for; an empty text looks for everything."""

    person: str = ""
    subject: str = ""
    action: str = ""
    text: str = ""
    period: Period = EVERY_DAY

    def as_query(self) -> dict[str, str]:
        """Return the search as parameters of an address."""
        texts = {"person": self.person, "object": self.subject, "action": self.action, "q": self.text}
        return {name: value for name, value in texts.items() if value} | self.period.as_query()


@dataclass(frozen=True)
class Seen:
    """One event, with who did it and for whom. Nobody means the system, or an operator at the command line."""

    event: AuditEvent
    person: str | None
    email: str | None
    organisation: str | None


def events(session: Session, search: Search, *, page: int, page_size: int) -> Page[Seen]:
    """Return one page of what is found, the latest first."""
    where = _conditions(search)
    counted = sa.select(sa.func.count()).select_from(AuditEvent).join(User, isouter=True).where(*where)
    rows = session.execute(_rows(where).limit(page_size).offset((page - 1) * page_size))
    return Page([_seen(row) for row in rows], session.scalar(counted) or 0, page, page_size)


def every_event(session: Session, search: Search) -> Iterator[Seen]:
    """Yield what is found, the latest first, at most `MAX_EXPORT`, without holding all of it."""
    found = session.execute(_rows(_conditions(search)).limit(MAX_EXPORT).execution_options(yield_per=_BATCH))
    yield from (_seen(row) for row in found)


def actions(session: Session) -> Sequence[str]:
    """Return every action that the trail knows."""
    return session.scalars(sa.select(AuditEvent.action).distinct().order_by(AuditEvent.action)).all()


def _rows(where: list[sa.ColumnElement[bool]]) -> sa.Select[AuditEvent, str, str, str]:
    return (
        sa.select(AuditEvent, User.name, User.email, Organisation.name)
        .join(User, User.id == AuditEvent.user_id, isouter=True)
        .join(Organisation, Organisation.id == AuditEvent.organisation_id, isouter=True)
        .where(*where)
        .order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
    )


def _seen(row: sa.Row[AuditEvent, str, str, str]) -> Seen:
    event, person, email, organisation = row
    return Seen(event, person, email, organisation)


def _conditions(search: Search) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if search.person:
        where.append(
            User.name.icontains(search.person, autoescape=True) | User.email.icontains(search.person, autoescape=True)
        )
    if search.subject:
        where.append(AuditEvent.subject.icontains(search.subject, autoescape=True))
    if search.action:
        where.append(AuditEvent.action == search.action)
    if search.text:
        where.append(_holds(search.text))
    if search.period.since is not None:
        where.append(AuditEvent.at >= datetime.combine(search.period.since, time(), BUSINESS_TIMEZONE))
    if search.period.until is not None:
        where.append(AuditEvent.at < datetime.combine(search.period.until, time(), BUSINESS_TIMEZONE))
    return where


def _holds(text: str) -> sa.ColumnElement[bool]:
    # JSON is stored in ASCII: what is typed in Chinese stands there spelt out.
    spelt = json.dumps(text)[1:-1]
    stored = [sa.cast(column, sa.Text) for column in (AuditEvent.detail, AuditEvent.before, AuditEvent.after)]
    return sa.or_(
        AuditEvent.subject.icontains(text, autoescape=True),
        AuditEvent.action.icontains(text, autoescape=True),
        AuditEvent.request_id == text,
        *(column.icontains(spelt, autoescape=True) for column in stored),
    )
