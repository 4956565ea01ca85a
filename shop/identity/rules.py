"""Decisions about passwords, organisations and roles, from data alone."""

from flask_babel import lazy_gettext

from shop.errors import FieldError
from shop.identity.models import STAFF_ROLES, OrganisationKind, Role

PASSWORD_LENGTH_MIN = 10
PASSWORD_LENGTH_MAX = 200


def password_errors(password: str, *, email: str) -> tuple[FieldError, ...]:
    """Tell what is wrong with a new password: its length decides, as NIST SP 800-63B has it."""
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        message = lazy_gettext(
            "密码须有 %(least)d 至 %(most)d 个字符", least=PASSWORD_LENGTH_MIN, most=PASSWORD_LENGTH_MAX
        )
        return (FieldError("password", str(message)),)
    if password.lower() == email or len(set(password)) == 1:
        return (FieldError("password", str(lazy_gettext("这个密码太容易猜到"))),)
    return ()


def may_give(role: Role, *, kind: OrganisationKind, has_partner: bool) -> bool:
    """Tell whether an organisation of this kind may give `role` to a member.

    Staff roles see across organisations, so only the platform's own gives them. An officer reports what a partner
    did, so the organisation must belong to one. A canteen buys, so its organisation must be a purchaser.
    """
    if role in STAFF_ROLES:
        return kind is OrganisationKind.PLATFORM
    if role is Role.PARTNER_OFFICER:
        return kind is OrganisationKind.PARTNER or has_partner
    return kind is OrganisationKind.PURCHASER
