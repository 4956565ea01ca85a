"""Where people are signed in, and how often somebody guessed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shop.db import Base, Id, now


class UserSession(Base):
    """One browser in which a person is signed in. Its cookie names it, and opens nothing once it has ended.

    `uniquifier` is the person's own at the sign-in: a new one, as after a new password, ends all sessions at once.
    """

    __tablename__ = "user_session"
    __table_args__ = (CheckConstraint("seen_at >= started_at", name="seen_after_start"),)

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    uniquifier: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now, index=True)
    ended_at: Mapped[datetime | None]
    address: Mapped[str]
    agent: Mapped[str]


class GuessCount(Base):
    """How often somebody tried to sign in with an address, whether anybody has it or not.

    Only a hash of the address is kept: what people type there is not always theirs, nor always an address.
    """

    __tablename__ = "guess_count"
    __table_args__ = (CheckConstraint("count > 0", name="count_positive"),)

    address_hash: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    since: Mapped[datetime] = mapped_column(index=True)
    locked_until: Mapped[datetime | None]
