"""Forms of sign-in and of the account page."""

from flask_babel import lazy_gettext
from flask_security.forms import LoginForm as SecurityLoginForm
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField
from wtforms.validators import DataRequired

from shop.web import LANGUAGES


def small_letters(value: str | None) -> str | None:
    """Return an address as it is stored."""
    return value.strip().lower() if value else value


class LoginForm(SecurityLoginForm):  # type: ignore[misc]  # flask-security ships no types
    """E-mail address and password. There is no lasting sign-in: a cookie that outlives the browser is one more door."""

    remember = None
    email = StringField(
        lazy_gettext("邮箱"),
        filters=[small_letters],
        validators=[DataRequired(lazy_gettext("请输入邮箱"))],
        render_kw={"autocomplete": "username", "inputmode": "email", "autocapitalize": "none"},
    )


class LanguageForm(FlaskForm):  # type: ignore[misc]  # flask-wtf ships no types
    """Which language to read the pages in, and where to go back to."""

    language = SelectField(choices=list(LANGUAGES.items()))
    next = HiddenField()


class OrganisationForm(FlaskForm):  # type: ignore[misc]  # flask-wtf ships no types
    """For which organisation to act."""

    organisation = SelectField(lazy_gettext("当前机构"))
