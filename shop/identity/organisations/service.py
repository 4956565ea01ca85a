"""Changing organisations, and giving and taking their roles."""

from datetime import datetime
from uuid import UUID, uuid4

import sqlalchemy as sa
from flask_babel import gettext
from sqlalchemy.orm import Session

from shop.errors import FieldError, InvalidInput, NotAllowed, NotFound
from shop.identity import audit, tokens
from shop.identity import service as identity
from shop.identity.actor import Actor
from shop.identity.models import Membership, Organisation, OrganisationKind, Role, User
from shop.identity.organisations import queries, rules
from shop.identity.organisations.models import Invitation
from shop.identity.service import OrganisationDraft


def create_organisation(session: Session, actor: Actor, draft: OrganisationDraft) -> Organisation:
    """Create a purchaser or a partner's office.

    Raises:
        InvalidInput: the draft will not do, or is the platform's own kind, which only the command line makes.
        AlreadyThere: the code is taken.
    """
    if draft.kind is OrganisationKind.PLATFORM:
        raise InvalidInput(errors=(FieldError("kind", gettext("这里不能新建平台机构")),))
    return identity.create_organisation(session, actor, draft)


def edit_organisation(session: Session, actor: Actor, code: str, draft: OrganisationDraft) -> Organisation:
    """Change an organisation's name, kind, partner, channel and credit limit. Its code never changes.

    What it bought before stays credited as it was: an order keeps its partner.

    Raises:
        NotFound: there is none, or it is not the actor's to manage.
        NotAllowed: the actor manages its people, not what it is.
        InvalidInput: the draft will not do, or its people have roles that such an organisation does not give.
    """
    organisation = queries.organisation(session, actor, code, for_update=True)
    if not rules.may_edit(actor, organisation):
        raise NotAllowed(gettext("机构资料由平台运营修改。"))
    errors = identity.organisation_errors(session, draft)
    if draft.kind is OrganisationKind.PLATFORM:
        errors += (FieldError("kind", gettext("不能改成平台机构")),)
    elif misfits := _misfits(session, organisation, draft):
        names = "、".join(str(identity.ROLE_LABELS[role]) for role in misfits)
        errors += (FieldError("kind", gettext("请先收回这类机构不能有的角色：%(roles)s", roles=names)),)
    if errors:
        raise InvalidInput(errors=errors)
    organisation.name, organisation.kind = draft.name.strip(), draft.kind
    organisation.partner_code, organisation.channel_code = draft.partner_code, draft.channel_code
    organisation.credit_limit_fen = draft.credit_limit_fen
    audit.record(session, actor, action="organisation.edited", subject=f"organisation:{code}")
    return organisation


def give_role(
    session: Session, actor: Actor, organisation: Organisation, *, user_id: UUID, role: Role, at: datetime
) -> None:
    """Give a member another role. Who is no member yet is invited instead.

    Raises:
        NotFound: no such member.
        NotAllowed: it is the actor, or the actor may not give this role.
        AlreadyThere: the member has it.
    """
    user = _member(session, actor, organisation, user_id)
    if role not in rules.roles_to_give(actor, organisation):
        raise NotAllowed(gettext("您不能授予这个角色。"))
    identity.add_membership(session, actor, user=user, organisation=organisation, role=role, at=at)


def take_role(
    session: Session, actor: Actor, organisation: Organisation, *, user_id: UUID, role: Role, at: datetime
) -> None:
    """Take a role from a member; without any, the person is a member no more. It takes effect with the next request.

    Raises:
        NotFound: no such member, or the member has no such role.
        NotAllowed: it is the actor.
    """
    user = _member(session, actor, organisation, user_id)
    taken = next((one for one in user.memberships if _is_in(one, organisation) and one.role is role), None)
    if taken is None:
        raise NotFound(gettext("这个人没有这个角色。"))
    session.delete(taken)
    if role is Role.ADMINISTRATOR:
        _revoke_invitations(session, user, at, Invitation.organisation_id == organisation.id)
    subject = f"user:{user.email}"
    audit.record(session, actor, action="membership.taken", subject=subject, role=role, organisation=organisation.code)


def set_active(session: Session, actor: Actor, *, user_id: UUID, active: bool, at: datetime) -> User:
    """Shut a person out, at once and everywhere, or let the person in again.

    Raises:
        NotFound: there is no such person in the actor's care.
        NotAllowed: it is the actor.
    """
    user = queries.person(session, user_id)
    is_self = user.id == actor.user_id
    if is_self:
        raise NotAllowed(gettext("不能停用自己。"))
    theirs = [one.organisation for one in user.memberships]
    if not rules.may_switch(actor, user_is_actor=is_self, organisations=theirs):
        raise NotFound(gettext("没有这个人，或不归您管理。"))
    user.active = active
    user.fs_uniquifier = uuid4().hex
    tokens.revoke_all(session, user.id, at=at)
    if not active:
        _revoke_invitations(session, user, at)
    audit.record(
        session, actor, action="user.activated" if active else "user.deactivated", subject=f"user:{user.email}"
    )
    return user


def _member(session: Session, actor: Actor, organisation: Organisation, user_id: UUID) -> User:
    """Lock and return a member whose roles `actor` may change."""
    user = queries.person(session, user_id)
    if not any(_is_in(one, organisation) for one in user.memberships):
        raise NotFound(gettext("没有这个人。"))
    if user.id == actor.user_id:
        raise NotAllowed(gettext("不能修改自己的角色，请由另一位管理员办理。"))
    return user


def _is_in(membership: Membership, organisation: Organisation) -> bool:
    return membership.organisation_id == organisation.id


def _misfits(session: Session, organisation: Organisation, draft: OrganisationDraft) -> list[Role]:
    held = session.scalars(
        sa.select(Membership.role).where(Membership.organisation_id == organisation.id).distinct()
    ).all()
    has_partner = draft.partner_code is not None
    return sorted(role for role in held if not identity.may_give(role, kind=draft.kind, has_partner=has_partner))


def _revoke_invitations(session: Session, user: User, at: datetime, *conditions: sa.ColumnElement[bool]) -> None:
    """End what somebody invited who may not invite any more."""
    is_open = (Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))
    session.execute(
        sa.update(Invitation).where(Invitation.invited_by == user.id, *is_open, *conditions).values(revoked_at=at)
    )
