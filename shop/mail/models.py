"""The outbox."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from shop.db import Base, Id, now


class OutgoingMail(Base):
    """One mail to one person, stored in the commit of what it tells of.

    It waits while neither `sent_at` nor `failed_at` is set. Outside the demo its words are wiped once it is sent: they
    may hold a link that opens an account.
    """

    __tablename__ = "outgoing_mail"
    __table_args__ = (
        CheckConstraint("sent_at IS NULL OR failed_at IS NULL", name="sent_or_failed"),
        CheckConstraint("tries >= 0", name="tries_not_negative"),
        Index("ix_outgoing_mail_waiting", "due_at", postgresql_where=sa.text("sent_at IS NULL AND failed_at IS NULL")),
    )

    id: Mapped[Id]
    template: Mapped[str]
    recipient: Mapped[str]
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    due_at: Mapped[datetime] = mapped_column(default=now)
    tries: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
