"""API tokens: 256 random bits, of which only the SHA-256 is stored."""

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from shop.identity.models import ApiToken, Membership, User

LIFETIME = timedelta(days=30)

PREFIX = "gw_"
"""Lets a scanner for leaked secrets recognise one of ours."""


# Put together once: it is asked with every request of the API.
_OWNER = (
    sa.select(User)
    .join(ApiToken, ApiToken.user_id == User.id)
    .where(
        ApiToken.token_hash == sa.bindparam("token_hash"),
        ApiToken.revoked_at.is_(None),
        ApiToken.expires_at > sa.bindparam("at"),
    )
    .options(joinedload(User.memberships).joinedload(Membership.organisation))
)


def make(session: Session, user_id: UUID, *, at: datetime) -> tuple[str, ApiToken]:
    """Make a token for a user. The text is returned here and can never be read again."""
    text = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(user_id=user_id, token_hash=_digest(text), created_at=at, expires_at=at + LIFETIME)
    session.add(token)
    return text, token


def resolve(session: Session, text: str, *, at: datetime) -> User | None:
    """Return whose token this is, with memberships and organisations, in one query.

    None when the token is unknown, expired or revoked, or the user may not sign in.
    """
    user = session.scalars(_OWNER, {"token_hash": _digest(text), "at": at}).unique().one_or_none()
    return user if user is not None and user.is_active else None


def revoke(session: Session, text: str, *, at: datetime) -> None:
    """End one token by its text. Repeating it is harmless."""
    _end(session, at, ApiToken.token_hash == _digest(text))


def revoke_by_id(session: Session, user_id: UUID, token_id: UUID, *, at: datetime) -> bool:
    """End one of a user's own tokens; False when the user has no such token in force."""
    return _end(session, at, ApiToken.user_id == user_id, ApiToken.id == token_id) > 0


def revoke_all(session: Session, user_id: UUID, *, at: datetime) -> None:
    """End every token of a user."""
    _end(session, at, ApiToken.user_id == user_id)


def in_force(session: Session, user_id: UUID, *, at: datetime) -> list[ApiToken]:
    """Return a user's usable tokens, newest first."""
    return list(
        session.scalars(
            sa.select(ApiToken)
            .where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None), ApiToken.expires_at > at)
            .order_by(ApiToken.created_at.desc(), ApiToken.id.desc())
        )
    )


def _end(session: Session, at: datetime, *conditions: sa.ColumnElement[bool]) -> int:
    ended = session.scalars(
        sa.update(ApiToken)
        .where(ApiToken.revoked_at.is_(None), *conditions)
        .values(revoked_at=at)
        .returning(ApiToken.id)
    )
    return len(ended.all())


def _digest(text: str) -> str:
    """A token has 256 random bits, so a plain hash cannot be searched and needs no salt."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
