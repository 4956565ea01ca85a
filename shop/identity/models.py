"""People, organisations, roles, tokens, the audit trail and stored API answers."""

import enum
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from flask import current_app
from flask_security.core import UserMixin
from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.db import Base, Fen, Id, db, now
from shop.languages import page_language


class Role(enum.StrEnum):
    """What a member may do inside the organisation that gives the role."""

    CANTEEN = "canteen"
    PARTNER_OFFICER = "partner_officer"
    OPERATOR = "operator"
    FINANCE = "finance"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


STAFF_ROLES = frozenset({Role.OPERATOR, Role.FINANCE, Role.AUDITOR})
"""Roles that see across organisations. Only the platform's own organisation gives them."""


class OrganisationKind(enum.StrEnum):
    """Why an organisation is known here."""

    PLATFORM = "platform"
    PURCHASER = "purchaser"
    PARTNER = "partner"


class Organisation(Base):
    """A body that buys, helps or runs the platform. `code` names it in the ledger and never changes."""

    __tablename__ = "organisation"
    __table_args__ = (
        CheckConstraint("credit_limit_fen >= 0", name="credit_limit_not_negative"),
        CheckConstraint("code ~ '^[A-Za-z0-9-]{1,64}$'", name="code_shape"),
    )

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    kind: Mapped[OrganisationKind]
    partner_code: Mapped[str | None] = mapped_column(ForeignKey("partner.code"), index=True)
    channel_code: Mapped[str | None] = mapped_column(ForeignKey("channel.code"), index=True)
    credit_limit_fen: Mapped[Fen] = mapped_column(default=0)
    is_demo: Mapped[bool] = mapped_column(default=False)


class User(Base, UserMixin):  # type: ignore[misc]  # flask-security ships no types
    """A person who signs in. An address is stored in small letters, so that one person is one row."""

    __tablename__ = "user"
    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_small_letters"),
        CheckConstraint("language IN ('zh', 'en')", name="language_known"),
    )

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    language: Mapped[str] = mapped_column(default=page_language)
    """Of the mails to the person, and of the pages on a device where no other was chosen."""
    password: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(unique=True)
    tf_primary_method: Mapped[str | None]
    tf_totp_secret: Mapped[str | None]
    # The time step of the last code that was accepted: a code counts once.
    tf_last_counter: Mapped[int | None] = mapped_column(sa.BigInteger)
    is_demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)
    confirmed_at: Mapped[datetime | None]
    """Since when it is known that the person reads mail at the address; nobody signs in before."""

    memberships: Mapped[list["Membership"]] = relationship(lazy="raise", order_by="Membership.id")

    roles: ClassVar[tuple[()]] = ()
    """The flat roles that flask-security reads on every request. There are none: ours are memberships."""

    @property
    def is_active(self) -> bool:
        """Whether the person may act. A demo's password is public, so it opens nothing outside the demo."""
        return self.active and (not self.is_demo or current_app.config["SETTINGS"].demo)

    @property
    def has_totp(self) -> bool:
        """Whether the person has set up an authenticator app."""
        return bool(self.tf_primary_method and self.tf_totp_secret)

    def check_tf_required(
        self,
        tf_setup_methods: list[tuple[str, str]],
        _tf_fresh: bool,  # noqa: FBT001  # flask-security's signature
    ) -> tuple[bool, list[tuple[str, str]]]:
        """Tell flask-security whether signing in takes a second factor."""
        return bool(tf_setup_methods) or self.check_tf_required_setup(), tf_setup_methods

    def check_tf_required_setup(self) -> bool:
        """Tell flask-security whether the second factor may not be missing: at the platform, outside the demo."""
        if current_app.config["SETTINGS"].demo:
            return False
        is_platforms = sa.exists().where(
            Membership.user_id == self.id,
            Membership.organisation_id == Organisation.id,
            sa.or_(Membership.role.in_(STAFF_ROLES), Organisation.kind == OrganisationKind.PLATFORM),
        )
        return bool(db.session.scalar(sa.select(is_platforms)))


class Membership(Base):
    """One role of a person in one organisation."""

    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("user_id", "organisation_id", "role"),)

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"), index=True)
    role: Mapped[Role]

    organisation: Mapped[Organisation] = relationship(lazy="raise")


class ApiToken(Base):
    """A bearer token. Only its SHA-256 is stored."""

    __tablename__ = "api_token"

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class AuditEvent(Base):
    """Who did what to what, stored in the commit of the change itself. Rows are only ever added."""

    __tablename__ = "audit_event"

    id: Mapped[Id]
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"), index=True)
    organisation_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    action: Mapped[str] = mapped_column(index=True)
    subject: Mapped[str] = mapped_column(index=True)
    detail: Mapped[dict[str, Any]]
    before: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    request_id: Mapped[str | None] = mapped_column(index=True)


class StoredAnswer(Base):
    """The first answer to a write that carried an idempotency key, kept in the commit of its effect."""

    __tablename__ = "stored_answer"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[str]
    status: Mapped[int]
    body: Mapped[str]
    content_type: Mapped[str]
    location: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
