"""The forms of month end."""

from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from shop.finance.months.rules import MAX_REASON


class CloseForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """A remark on the closing."""

    reason = StringField(lazy_gettext("备注"), [Length(max=MAX_REASON)])


class ReopenForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Why a month is opened again."""

    reason = TextAreaField(
        lazy_gettext("重新打开的理由"),
        [DataRequired(lazy_gettext("请写明理由。")), Length(max=MAX_REASON)],
        render_kw={"rows": 3},
    )
