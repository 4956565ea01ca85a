"""People, organisations and memberships: what may be written about them, and how a password becomes a token."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import email_validator
import sqlalchemy as sa
from flask import current_app
from flask_babel import gettext, lazy_gettext
from flask_security import hash_password
from sqlalchemy.orm import Session

from shop.db import now
from shop.errors import FieldError, InvalidInput, NotAllowed, NotFound, NotSignedIn, ShopError
from shop.identity import audit, tokens
from shop.identity.actor import Actor, actor_for
from shop.identity.models import STAFF_ROLES, ApiToken, Membership, Organisation, OrganisationKind, Role, User
from shop.registry.models import Channel, Partner

PASSWORD_LENGTH_MIN = 10
PASSWORD_LENGTH_MAX = 200

DEMO_PASSWORD = "ganwei-demo"  # noqa: S105  # published, and worth nothing outside the demo
"""The password of every demo login. Outside the demo a demo login opens nothing."""

_CODE = re.compile(r"[A-Za-z0-9-]{1,64}")
_CREDIT_LIMIT_MAX_FEN = 100_000_000_00

ROLE_LABELS = {
    Role.CANTEEN: lazy_gettext("食堂采购"),
    Role.PARTNER_OFFICER: lazy_gettext("帮扶方专员"),
    Role.OPERATOR: lazy_gettext("平台运营"),
    Role.FINANCE: lazy_gettext("财务"),
    Role.AUDITOR: lazy_gettext("审计"),
    Role.ADMINISTRATOR: lazy_gettext("机构管理员"),
}


class AlreadyThere(ShopError):
    """The e-mail address, code or membership is taken."""

    code = "already-there"
    title = lazy_gettext("已经存在")


class WrongCredentials(NotSignedIn):
    """E-mail address and password do not belong together; which of the two is wrong is not told."""

    code = "wrong-credentials"
    title = lazy_gettext("邮箱、密码或动态验证码不正确")


class TotpRequired(NotSignedIn):
    """The password was right and a code of the authenticator app is needed as well."""

    code = "totp-required"
    title = lazy_gettext("还需要动态验证码，请填写 totp")


class TotpNotSetUp(NotAllowed):
    """Staff may not do without a second factor."""

    code = "totp-not-set-up"
    title = lazy_gettext("请先在网页上登录并设置双重验证")


@dataclass(frozen=True)
class OrganisationDraft:
    """An organisation to be created. `code` names it in the ledger and never changes."""

    code: str
    name: str
    kind: OrganisationKind
    partner_code: str | None = None
    channel_code: str | None = None
    credit_limit_fen: int = 0


@dataclass(frozen=True)
class DemoLogin:
    """One published login of the demo."""

    email: str
    name: str
    organisation: str
    role: str
    password: str = DEMO_PASSWORD


def password_errors(password: str, *, email: str) -> tuple[FieldError, ...]:
    """Tell what is wrong with a new password: its length decides, as NIST SP 800-63B has it."""
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        bounds = {"least": PASSWORD_LENGTH_MIN, "most": PASSWORD_LENGTH_MAX}
        return (FieldError("password", gettext("密码须有 %(least)d 至 %(most)d 个字符", **bounds)),)
    if password.lower() == email or len(set(password)) == 1:
        return (FieldError("password", gettext("这个密码太容易猜到")),)
    return ()


def may_give(role: Role, *, kind: OrganisationKind, has_partner: bool) -> bool:
    """Tell whether an organisation of this kind may give `role` to a member.

    Staff roles see across organisations, so only the platform's own gives them. An officer reports what a partner
    did, so the organisation must belong to one. A canteen buys, so its organisation must be a purchaser. Whatever it
    is, it may have administrators.
    """
    if role is Role.ADMINISTRATOR:
        return True
    if role in STAFF_ROLES:
        return kind is OrganisationKind.PLATFORM
    if role is Role.PARTNER_OFFICER:
        return kind is OrganisationKind.PARTNER or has_partner
    return kind is OrganisationKind.PURCHASER


def create_user(session: Session, actor: Actor | None, *, email: str, name: str, password: str) -> User:
    """Create a person who signs in with `email` and `password`. Needs an application context for hashing.

    Raises:
        InvalidInput: the address, the name or the password will not do.
        AlreadyThere: somebody signs in with this address.
    """
    address, errors = check_address(email)
    errors += password_errors(password, email=address)
    if not name.strip():
        errors += (FieldError("name", gettext("请填写姓名")),)
    if errors:
        raise InvalidInput(errors=errors)
    if session.scalar(sa.select(User.id).where(User.email == address)) is not None:
        raise AlreadyThere(gettext("%(what)s 已被使用", what=address))
    normal = current_app.extensions["security"].password_util.normalize(password)
    user = User(
        email=address,
        name=name.strip(),
        password=hash_password(normal),
        fs_uniquifier=uuid4().hex,
        confirmed_at=now(),  # whoever creates it answers for the address
    )
    session.add(user)
    session.flush()  # the audit row and the memberships refer to it
    audit.record(session, actor, action="user.created", subject=f"user:{address}", name=user.name)
    return user


def choose_language(session: Session, actor: Actor, language: str) -> None:
    """Write mails to the actor in this language from now on; one of `LANGUAGES`."""
    session.get_one(User, actor.user_id).language = language
    audit.record(session, actor, action="user.language_chosen", subject=f"user:{actor.email}", language=language)


def organisation_errors(session: Session, draft: OrganisationDraft) -> tuple[FieldError, ...]:
    """Tell what is wrong with what an organisation shall be."""
    errors: tuple[FieldError, ...] = ()
    if not _CODE.fullmatch(draft.code) or draft.code == "new":  # the address of the form for a new one
        errors += (FieldError("code", gettext("代码只能用字母、数字和连字符，最多 64 个字符"), value=draft.code),)
    if not draft.name.strip():
        errors += (FieldError("name", gettext("请填写机构名称")),)
    if not 0 <= draft.credit_limit_fen <= _CREDIT_LIMIT_MAX_FEN:
        errors += (FieldError("credit_limit", gettext("挂账额度须在 0 至 1 亿元之间")),)
    if draft.kind is OrganisationKind.PARTNER and draft.partner_code is None:
        errors += (FieldError("partner_code", gettext("帮扶方机构须注明所属帮扶方")),)
    if draft.partner_code is not None and session.get(Partner, draft.partner_code) is None:
        errors += (FieldError("partner_code", gettext("没有这个帮扶方"), value=draft.partner_code),)
    if draft.channel_code is not None and session.get(Channel, draft.channel_code) is None:
        errors += (FieldError("channel_code", gettext("没有这个渠道"), value=draft.channel_code),)
    return errors


def create_organisation(session: Session, actor: Actor | None, draft: OrganisationDraft) -> Organisation:
    """Create an organisation.

    Raises:
        InvalidInput: the partner or channel is unknown, or an organisation of kind partner names no partner.
        AlreadyThere: the code is taken.
    """
    errors = organisation_errors(session, draft)
    if errors:
        raise InvalidInput(errors=errors)
    if session.scalar(sa.select(Organisation.id).where(Organisation.code == draft.code)) is not None:
        raise AlreadyThere(gettext("%(what)s 已被使用", what=draft.code))
    organisation = Organisation(**vars(draft))
    session.add(organisation)
    session.flush()  # memberships refer to it
    audit.record(session, actor, action="organisation.created", subject=f"organisation:{draft.code}", **vars(draft))
    return organisation


def add_membership(
    session: Session, actor: Actor | None, *, user: User, organisation: Organisation, role: Role, at: datetime
) -> Membership:
    """Give a person a role in an organisation.

    A role at the platform ends the person's sessions and tokens: from then on signing in takes a second factor, and
    what was opened with the password alone must not grow into more.

    Raises:
        InvalidInput: an organisation of this kind does not give this role.
        AlreadyThere: the person has the role already.
    """
    if not may_give(role, kind=organisation.kind, has_partner=organisation.partner_code is not None):
        raise InvalidInput(errors=(FieldError("role", gettext("这类机构不能授予这个角色"), value=str(role)),))
    same = {"user_id": user.id, "organisation_id": organisation.id, "role": role}
    if session.scalar(sa.select(Membership.id).filter_by(**same)) is not None:
        raise AlreadyThere(gettext("%(what)s 已有这个角色", what=user.email))
    membership = Membership(**same)
    session.add(membership)
    if organisation.kind is OrganisationKind.PLATFORM:
        user.fs_uniquifier = uuid4().hex
        tokens.revoke_all(session, user.id, at=at)
    subject = f"user:{user.email}"
    audit.record(session, actor, action="membership.added", subject=subject, role=role, organisation=organisation.code)
    return membership


def reset_totp(session: Session, actor: Actor | None, *, email: str, at: datetime) -> None:
    """Forget a person's second factor, as when the phone is lost, and end the person's sessions and tokens.

    Raises:
        NotFound: nobody signs in with this address.
    """
    user = session.scalar(sa.select(User).where(User.email == email.strip().lower()))
    if user is None:
        raise NotFound(email)
    user.tf_primary_method = user.tf_totp_secret = user.tf_last_counter = None
    user.fs_uniquifier = uuid4().hex
    tokens.revoke_all(session, user.id, at=at)
    audit.record(session, actor, action="user.totp_reset", subject=f"user:{user.email}")


def exchange_password(
    session: Session, *, email: str, password: str, totp: str | None, at: datetime
) -> tuple[str, ApiToken]:
    """Make a token for whoever proves to be this person.

    Raises:
        WrongCredentials: in the same words and after the same work, whether the person exists or not.
        TotpRequired: the person has a second factor and no code was given.
        TotpNotSetUp: the person's role demands a second factor and there is none yet.
    """
    user = session.scalar(sa.select(User).where(User.email == email.strip().lower()))
    normal = current_app.extensions["security"].password_util.normalize(password)
    if user is None or not user.password:
        hash_password(normal)  # takes as long as checking one
        raise WrongCredentials
    if not user.verify_and_update_password(normal) or not user.is_active or user.confirmed_at is None:
        raise WrongCredentials
    if user.has_totp:
        _check_totp(user, totp)
    elif user.check_tf_required_setup():
        raise TotpNotSetUp
    return issue_token(session, actor_for(session, user), at=at)


def issue_token(session: Session, actor: Actor, *, at: datetime) -> tuple[str, ApiToken]:
    """Make a token for an actor, and leave a trace of it."""
    text, token = tokens.make(session, actor.user_id, at=at)
    audit.record(session, actor, action="token.created", subject=f"user:{actor.email}", expires_at=token.expires_at)
    return text, token


def demo_logins(session: Session) -> list[DemoLogin]:
    """Return the published logins of the demo, for the sign-in page."""
    rows = session.execute(
        sa.select(User.email, User.name, Organisation.name, Membership.role)
        .outerjoin(Membership, Membership.user_id == User.id)
        .outerjoin(Organisation, Organisation.id == Membership.organisation_id)
        .where(User.is_demo, User.active)
        .order_by(User.id, Membership.id)
    )
    logins: dict[str, DemoLogin] = {}
    for email, name, organisation, role in rows:
        label = ROLE_LABELS[role] if role else lazy_gettext("个人买家")
        logins.setdefault(email, DemoLogin(email, name, organisation or "", str(label)))
    return list(logins.values())


def _check_totp(user: User, code: str | None) -> None:
    if not code:
        raise TotpRequired
    factory = current_app.extensions["security"].totp_factory
    window = current_app.config["SECURITY_TWO_FACTOR_AUTHENTICATOR_VALIDITY"]
    if not factory.verify_totp(code, user.tf_totp_secret, user, window):
        raise WrongCredentials


def check_address(email: str) -> tuple[str, tuple[FieldError, ...]]:
    """Return an address as it is stored, and what is wrong with it."""
    address = email.strip().lower()
    try:
        arguments = current_app.config["SECURITY_EMAIL_VALIDATOR_ARGS"]
        email_validator.validate_email(address, **arguments)
    except email_validator.EmailNotValidError:
        return address, (FieldError("email", gettext("不是有效的邮箱地址"), value=address),)
    return address, ()
