"""Sessions: the cookie names one, the table says whether it still opens anything."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.identity.models import User
from shop.identity.signin.models import UserSession

KEY = "device"
"""Where the cookie keeps the session's id."""

IDLE = timedelta(days=7)
"""A session that nobody used for so long is over."""

LONGEST = timedelta(days=30)
"""However much it is used, it ends after this."""

SEEN_EVERY = timedelta(minutes=5)
"""How exact `seen_at` is: a write on every request would cost more than it tells."""

KEPT = timedelta(days=60)

AGENT_LENGTH_MAX = 300


@dataclass(frozen=True)
class SignedIn:
    """A person, and the session through which the person came."""

    user: User
    session: UserSession


def start(session: Session, user: User, *, address: str, agent: str, at: datetime) -> UserSession:
    """Begin a session for somebody who has just proved who it is."""
    begun = UserSession(
        user_id=user.id,
        uniquifier=user.fs_uniquifier,
        started_at=at,
        seen_at=at,
        address=address,
        agent=agent[:AGENT_LENGTH_MAX],
    )
    session.add(begun)
    session.flush()  # the cookie wants its id
    return begun


def find(session: Session, *, uniquifier: str, session_id: UUID, at: datetime) -> SignedIn | None:
    """Return whose session this is, in one query; None when it has ended or was never of this person."""
    row = session.execute(
        sa.select(User, UserSession)
        .join(UserSession, UserSession.user_id == User.id)
        .where(User.fs_uniquifier == uniquifier, UserSession.id == session_id, _in_force(at))
    ).one_or_none()
    return SignedIn(*row) if row else None


def is_due(known: UserSession, *, at: datetime) -> bool:
    """Tell whether it is time again to note that a session is used."""
    return known.seen_at < at - SEEN_EVERY


def touch(session: Session, session_id: UUID, *, at: datetime) -> None:
    """Note that a session is used, unless another request has just done so."""
    session.execute(
        sa.update(UserSession)
        .where(UserSession.id == session_id, UserSession.ended_at.is_(None), UserSession.seen_at < at - SEEN_EVERY)
        .values(seen_at=at)
    )


def in_force(session: Session, user_id: UUID, *, at: datetime) -> list[UserSession]:
    """Return where a person is signed in, the one used last first."""
    return list(
        session.scalars(
            sa.select(UserSession)
            .join(User, User.id == UserSession.user_id)
            .where(UserSession.user_id == user_id, _in_force(at))
            .order_by(UserSession.seen_at.desc(), UserSession.id.desc())
        )
    )


def end(session: Session, user_id: UUID, session_id: UUID, *, at: datetime) -> bool:
    """End one of a person's own sessions; False when the person has no such session in force."""
    return _end(session, at, UserSession.user_id == user_id, UserSession.id == session_id) > 0


def end_others(session: Session, user_id: UUID, *, but: UUID | None, at: datetime) -> int:
    """End every session of a person but one. Returns how many ended."""
    others = sa.true() if but is None else UserSession.id != but
    return _end(session, at, UserSession.user_id == user_id, others)


def forget_old(session: Session, *, at: datetime) -> None:
    """Delete the sessions that nobody has used for long."""
    session.execute(sa.delete(UserSession).where(UserSession.seen_at < at - KEPT))


def _in_force(at: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        UserSession.ended_at.is_(None),
        UserSession.uniquifier == User.fs_uniquifier,
        UserSession.seen_at > at - IDLE,
        UserSession.started_at > at - LONGEST,
    )


def _end(session: Session, at: datetime, *conditions: sa.ColumnElement[bool]) -> int:
    ended = session.scalars(
        sa.update(UserSession)
        .where(UserSession.ended_at.is_(None), *conditions)
        .values(ended_at=at)
        .returning(UserSession.id)
    )
    return len(ended.all())
