"""The library's forms, as this shop words and guards them."""

from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from flask import current_app
from flask_babel import lazy_gettext
from flask_login import current_user
from flask_security.forms import ForgotPasswordForm as SecurityForgotPasswordForm
from flask_security.forms import Form, RegisterFormV2, TwoFactorRescueForm, TwoFactorSetupForm, TwoFactorVerifyCodeForm
from flask_security.forms import LoginForm as SecurityLoginForm
from flask_security.forms import SendConfirmationForm as SecuritySendConfirmationForm
from wtforms import Field, StringField
from wtforms.validators import DataRequired, Length, ValidationError

from shop.db import db, now, transaction
from shop.identity.models import User
from shop.identity.signin import guard

ADDRESS_KW = {"autocomplete": "username", "inputmode": "email", "autocapitalize": "none"}
ADDRESS_LENGTH_MAX = 254
NAME_LENGTH_MAX = 60


def _lower(value: str | None) -> str | None:
    return value.strip().lower() if value else value


def _must_be_address(_form: Form, field: Field) -> None:
    try:
        field.data = current_app.extensions["security"].mail_util.validate(field.data).lower()
    except ValueError as error:
        raise ValidationError(str(error)) from error


def _address_field(*validators: Any) -> StringField:  # noqa: ANN401  # whatever WTForms takes
    return StringField(
        lazy_gettext("邮箱"),
        filters=[_lower],
        validators=[DataRequired(lazy_gettext("请输入邮箱")), Length(max=ADDRESS_LENGTH_MAX), *validators],
        render_kw=ADDRESS_KW,
    )


def _find(address: str) -> User | None:
    return db.session.scalar(sa.select(User).where(User.email == address))


def _nobody(address: str) -> User:
    """Return a person who does not exist, for whom the same work is done: the time to the answer tells nothing."""
    return User(email=address, name="", password="-" * 97, fs_uniquifier=uuid4().hex)


class LoginForm(SecurityLoginForm):  # type: ignore[misc]  # flask-security ships no types
    """E-mail address and password. There is no lasting sign-in: a cookie that outlives the browser is one more door."""

    remember = None
    email = _address_field()

    def validate(self, **kwargs: Any) -> bool:  # noqa: ANN401  # flask-security's signature
        """Count the attempt before it is checked; tell only those who know the password that they must confirm."""
        if self.email.data and _is_locked(self.email.data, self.form_errors):
            return False
        if super().validate(**kwargs):
            return True
        if self.user_authenticated and self.requires_confirmation and self.user.is_active:
            self.form_errors.append(lazy_gettext("请先打开确认邮件里的链接。没收到的话，可以重新发送。"))
        return False


class TotpForm(TwoFactorVerifyCodeForm):  # type: ignore[misc]  # flask-security ships no types
    """The code of the authenticator app; at a sign-in, a guess like any other."""

    def validate(self, **kwargs: Any) -> bool:  # noqa: ANN401  # flask-security's signature
        """Count the attempt before it is checked."""
        if not current_user.is_authenticated and _is_locked(self.user.email, self.form_errors):
            return False
        return bool(super().validate(**kwargs))


def _is_locked(address: str, errors: list[str]) -> bool:
    with transaction() as session:
        until = guard.take_guess(session, address, at=now())
    if until is not None:
        errors.append(str(guard.AccountLocked(until).detail))
    return until is not None


class TotpSetupForm(TwoFactorSetupForm):  # type: ignore[misc]  # flask-security ships no types
    """Two buttons, on and off. The library's radio field of four methods uses what wtforms deprecates."""

    setup = StringField()


class NoRescueForm(TwoFactorRescueForm):  # type: ignore[misc]  # flask-security ships no types
    """A form that is built and never shown. The library's radio field uses what wtforms deprecates."""

    help_setup = StringField()


class RegisterForm(RegisterFormV2):  # type: ignore[misc]  # flask-security ships no types
    """A private buyer's name, address and password."""

    name = StringField(
        lazy_gettext("姓名"),
        filters=[lambda value: value.strip() if value else value],
        validators=[DataRequired(lazy_gettext("请填写姓名")), Length(max=NAME_LENGTH_MAX)],
        render_kw={"autocomplete": "name"},
    )
    email = _address_field(_must_be_address)

    def validate_email(self, field: Field) -> None:
        """Note whose address it is already; the view then answers as if it were new."""
        if field.errors:
            return
        self.existing_email_user = _find(field.data)
        if self.existing_email_user is not None:
            raise ValidationError("taken")


class ForgotPasswordForm(SecurityForgotPasswordForm):  # type: ignore[misc]  # flask-security ships no types
    """Where to send the way to a new password."""

    email = _address_field(_must_be_address)

    def validate(self, **kwargs: Any) -> bool:  # noqa: ANN401  # flask-security's signature
        """Take every address that is one: whether somebody has it is not for the asker to know."""
        if not Form.validate(self, **kwargs):
            return False
        found = _find(self.email.data)
        self.user = found if found is not None and found.is_active else _nobody(self.email.data)
        return True


class SendConfirmationForm(SecuritySendConfirmationForm):  # type: ignore[misc]  # flask-security ships no types
    """Where to send the confirmation once more."""

    email = _address_field(_must_be_address)

    def validate(self, **kwargs: Any) -> bool:  # noqa: ANN401  # flask-security's signature
        """Take every address that is one, as above."""
        if not Form.validate(self, **kwargs):
            return False
        found = _find(self.email.data)
        waits = found is not None and found.is_active and found.confirmed_at is None
        self.user = found if waits else _nobody(self.email.data)
        return True
