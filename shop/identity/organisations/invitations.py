"""Inviting by mail: a token that works once, for a while, for whoever reads mail at the address."""

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session, joinedload

from shop.errors import FieldError, InvalidInput, NotAllowed, NotFound, ShopError
from shop.identity import audit
from shop.identity import service as identity
from shop.identity.actor import Actor
from shop.identity.models import Membership, Organisation, Role, User
from shop.identity.organisations import queries, rules
from shop.identity.organisations.models import Invitation
from shop.identity.service import AlreadyThere
from shop.mail import outbox

LIFETIME = timedelta(days=7)
MAX_A_DAY = 50
"""Nobody sends more invitations of one organisation in a day: the mail would not be welcome."""


class InvitationGone(ShopError):
    """The link leads nowhere: it was used, taken back or replaced, it has expired, or there never was one."""

    status = 410
    code = "invitation-gone"
    title = lazy_gettext("邀请链接无效")

    def __init__(self) -> None:
        """Say the same in each case, and what to do."""
        super().__init__(lazy_gettext("它可能已经用过、过期或被收回。请让邀请您的人重新发送。"))


class ForSomebodyElse(ShopError):
    """The person who is signed in is not the one who was invited."""

    status = 403
    code = "invitation-for-another"
    title = lazy_gettext("这份邀请不是发给您的")


def invite(
    session: Session, actor: Actor, organisation: Organisation, *, email: str, role: Role, at: datetime
) -> Invitation:
    """Invite whoever reads mail at `email` to take a role. An earlier invitation to the same is replaced.

    Raises:
        InvalidInput: the address will not do, or too many were sent today.
        NotAllowed: the actor may not give this role.
        AlreadyThere: the person has it.
    """
    address, errors = identity.check_address(email)
    if errors:
        raise InvalidInput(errors=errors)
    if role not in rules.roles_to_give(actor, organisation):
        raise NotAllowed(gettext("您不能授予这个角色。"))
    _check_not_member(session, organisation, address, role)
    _check_number(session, organisation, at)
    _revoke(session, at, Invitation.organisation_id == organisation.id, Invitation.email == address, role=role)
    token = secrets.token_urlsafe(32)
    invitation = Invitation(
        organisation_id=organisation.id,
        email=address,
        role=role,
        token_hash=_digest(token),
        invited_by=actor.user_id,
        created_at=at,
        expires_at=at + LIFETIME,
    )
    session.add(invitation)
    outbox.add(
        session,
        to=address,
        template="invitation",
        organisation=organisation.name,
        inviter=actor.name,
        role=identity.ROLE_LABELS[role],
        token=token,
        until=invitation.expires_at,
    )
    subject = f"organisation:{organisation.code}"
    audit.record(session, actor, action="invitation.sent", subject=subject, email=address, role=role)
    session.flush()
    return invitation


def revoke(session: Session, actor: Actor, organisation: Organisation, invitation_id: UUID, *, at: datetime) -> None:
    """Take back an invitation that nobody has taken.

    Raises:
        NotFound: the organisation has no such open invitation.
    """
    own = (Invitation.id == invitation_id, Invitation.organisation_id == organisation.id)
    if not _revoke(session, at, *own):
        raise NotFound(gettext("没有这份邀请，或它已被接受。"))
    audit.record(
        session, actor, action="invitation.revoked", subject=f"organisation:{organisation.code}", id=invitation_id
    )


def find(session: Session, token: str, *, at: datetime, for_update: bool = False) -> Invitation:
    """Return the open invitation behind a token, with its organisation; locked when it is about to be taken.

    Raises:
        InvitationGone: there is none, it is used, taken back or expired.
    """
    query = (
        sa.select(Invitation)
        .where(Invitation.token_hash == _digest(token))
        .options(joinedload(Invitation.organisation, innerjoin=True))
    )
    if for_update:
        query = query.with_for_update(of=Invitation).execution_options(populate_existing=True)
    found = session.scalar(query)
    is_open = found is not None and found.accepted_at is None and found.revoked_at is None
    if found is None or not is_open or queries.is_expired(found, at=at):
        raise InvitationGone
    return found


def has_account(session: Session, invitation: Invitation) -> bool:
    """Tell whoever holds the token, and so reads the address's mail, whether it has an account."""
    return session.scalar(sa.select(User.id).where(User.email == invitation.email)) is not None


def accept(session: Session, actor: Actor, token: str, *, at: datetime) -> Invitation:
    """Take an invitation as who is signed in.

    Raises:
        InvitationGone: there is no such open invitation.
        ForSomebodyElse: it was sent to another address.
    """
    invitation = find(session, token, at=at, for_update=True)
    if invitation.email != actor.email:
        raise ForSomebodyElse(gettext("请退出后，用收到邀请的邮箱登录。"))
    _take(session, invitation, session.get_one(User, actor.user_id), at=at)
    return invitation


def accept_as_new(session: Session, token: str, *, name: str, password: str, at: datetime) -> Invitation:
    """Take an invitation as somebody who has no account yet, and make one. The mail has proved the address.

    Raises:
        InvitationGone: there is no such open invitation.
        InvalidInput: name or password will not do.
        AlreadyThere: the address has an account: sign in with it.
    """
    invitation = find(session, token, at=at, for_update=True)
    user = identity.create_user(session, None, email=invitation.email, name=name, password=password)
    _take(session, invitation, user, at=at)
    return invitation


def _take(session: Session, invitation: Invitation, user: User, *, at: datetime) -> None:
    invitation.accepted_at, invitation.accepted_by = at, user.id
    organisation = invitation.organisation
    subject = f"user:{user.email}"
    audit.record(session, None, action="invitation.accepted", subject=subject, organisation=organisation.code)
    if not _has_role(session, organisation, user.email, invitation.role):
        identity.add_membership(session, None, user=user, organisation=organisation, role=invitation.role, at=at)


def _has_role(session: Session, organisation: Organisation, address: str, role: Role) -> bool:
    is_there = sa.exists().where(
        Membership.user_id == User.id,
        User.email == address,
        Membership.organisation_id == organisation.id,
        Membership.role == role,
    )
    return bool(session.scalar(sa.select(is_there)))


def _check_not_member(session: Session, organisation: Organisation, address: str, role: Role) -> None:
    if _has_role(session, organisation, address, role):
        raise AlreadyThere(gettext("%(what)s 已有这个角色", what=address))


def _check_number(session: Session, organisation: Organisation, at: datetime) -> None:
    today = sa.and_(Invitation.organisation_id == organisation.id, Invitation.created_at > at - timedelta(days=1))
    if (session.scalar(sa.select(sa.func.count()).select_from(Invitation).where(today)) or 0) >= MAX_A_DAY:
        message = gettext("一天最多发 %(most)d 份邀请，请明天再试。", most=MAX_A_DAY)
        raise InvalidInput(errors=(FieldError("email", message),))


def _revoke(session: Session, at: datetime, *conditions: sa.ColumnElement[bool], role: Role | None = None) -> bool:
    of_role = sa.true() if role is None else Invitation.role == role
    revoked = session.scalars(
        sa.update(Invitation)
        .where(Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None), of_role, *conditions)
        .values(revoked_at=at)
        .returning(Invitation.id)
    )
    return bool(revoked.all())


def _digest(token: str) -> str:
    """A token has 256 random bits, so a plain hash cannot be searched and needs no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
