"""Reading organisations and people, scoped to who asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext
from sqlalchemy.orm import Session, contains_eager, selectinload

from shop.db import Page, fetch_page
from shop.errors import NotFound
from shop.identity.actor import Actor
from shop.identity.models import Membership, Organisation, OrganisationKind, Role, User
from shop.identity.organisations import rules
from shop.identity.organisations.models import Invitation


@dataclass(frozen=True)
class Member:
    """A person in an organisation, with the roles there."""

    user: User
    roles: tuple[Role, ...]


def organisation(session: Session, actor: Actor, code: str, *, for_update: bool = False) -> Organisation:
    """Return an organisation that `actor` manages.

    Raises:
        NotFound: there is none, or it is not the actor's to manage.
    """
    query = sa.select(Organisation).where(Organisation.code == code)
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(query)
    if found is None or not rules.may_manage(actor, found):
        raise NotFound(gettext("没有这个机构，或它不归您管理。"))
    return found


def organisations(session: Session, *, text: str, page: int, page_size: int) -> Page[Organisation]:
    """Return one page of all organisations but the platform's own, by name; for operators."""
    query = sa.select(Organisation).where(Organisation.kind != OrganisationKind.PLATFORM)
    if text:
        query = query.where(_contains(Organisation.name, text) | _contains(Organisation.code, text))
    return fetch_page(session, query.order_by(Organisation.name, Organisation.id), page=page, page_size=page_size)


def member_counts(session: Session, organisations: Sequence[Organisation]) -> dict[UUID, int]:
    """Return how many people each of these organisations has."""
    rows = session.execute(
        sa.select(Membership.organisation_id, sa.func.count(Membership.user_id.distinct()))
        .where(Membership.organisation_id.in_([one.id for one in organisations]))
        .group_by(Membership.organisation_id)
    )
    return {organisation_id: count for organisation_id, count in rows}  # noqa: C416 -- a row is no pair to mypy


def members(session: Session, organisation: Organisation) -> list[Member]:
    """Return an organisation's people with their roles there, by name."""
    people = session.scalars(
        sa.select(User)
        .join(User.memberships)
        .where(Membership.organisation_id == organisation.id)
        .options(contains_eager(User.memberships))
        .order_by(User.name, User.id, Membership.id)
    ).unique()
    return [Member(user, tuple(one.role for one in user.memberships)) for user in people]


def open_invitations(session: Session, organisation: Organisation) -> list[Invitation]:
    """Return the invitations that nobody has taken, the newest first; expired ones too, to be sent again."""
    return list(
        session.scalars(
            sa.select(Invitation)
            .where(
                Invitation.organisation_id == organisation.id,
                Invitation.accepted_at.is_(None),
                Invitation.revoked_at.is_(None),
            )
            .order_by(Invitation.id.desc())
        )
    )


def people(session: Session, *, text: str, page: int, page_size: int) -> Page[User]:
    """Return one page of all people with their organisations, the newest first; for operators."""
    query = sa.select(User).options(selectinload(User.memberships).selectinload(Membership.organisation))
    if text:
        query = query.where(_contains(User.name, text) | _contains(User.email, text))
    return fetch_page(session, query.order_by(User.created_at.desc(), User.id), page=page, page_size=page_size)


def person(session: Session, user_id: UUID) -> User:
    """Return a person with memberships and their organisations, locked, to be changed.

    Raises:
        NotFound: there is none.
    """
    found: User | None = session.scalar(
        sa.select(User)
        .where(User.id == user_id)
        .options(selectinload(User.memberships).selectinload(Membership.organisation))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound(gettext("没有这个人。"))
    return found


def is_expired(invitation: Invitation, *, at: datetime) -> bool:
    """Tell whether an invitation has waited too long."""
    return invitation.expires_at <= at


def _contains(column: sa.orm.InstrumentedAttribute[str], text: str) -> sa.ColumnElement[bool]:
    return column.icontains(text, autoescape=True)
