"""Forms about organisations and people."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, Length, Optional

import ledger
from shop.errors import FieldError, InvalidInput
from shop.identity.models import OrganisationKind
from shop.identity.service import OrganisationDraft

KIND_LABELS = {
    OrganisationKind.PURCHASER: _l("采购单位"),
    OrganisationKind.PARTNER: _l("帮扶方机构"),
    OrganisationKind.PLATFORM: _l("平台"),
}

NOTHING = ""


class OrganisationForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """What an organisation is."""

    code = StringField(_l("代码"), [DataRequired(_l("请填写代码。")), Length(max=64)])
    name = StringField(_l("机构名称"), [DataRequired(_l("请填写机构名称。")), Length(max=120)])
    kind = SelectField(
        _l("类型"),
        choices=[
            SelectChoice(str(kind), KIND_LABELS[kind])
            for kind in (OrganisationKind.PURCHASER, OrganisationKind.PARTNER)
        ],
    )
    partner_code = SelectField(_l("所属帮扶方"))
    channel_code = SelectField(_l("采购渠道"))
    credit_limit = StringField(_l("挂账额度（元）"), [Optional(), Length(max=20)])

    def draft(self) -> OrganisationDraft:
        """Return what was filled in.

        Raises:
            InvalidInput: the credit limit is no amount.
        """
        try:
            limit_fen = ledger.parse_yuan(self.credit_limit.data.strip()) if self.credit_limit.data else 0
        except (ledger.LedgerError, ValueError) as error:
            message = str(_l("请填写金额，例如 20000 或 20000.00"))
            raise InvalidInput(errors=(FieldError("credit_limit", message),)) from error
        return OrganisationDraft(
            code=self.code.data.strip(),
            name=self.name.data.strip(),
            kind=OrganisationKind(self.kind.data),
            partner_code=self.partner_code.data or None,
            channel_code=self.channel_code.data or None,
            credit_limit_fen=limit_fen,
        )


class InvitationForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Whom to invite, and as what."""

    email = StringField(
        _l("邮箱"),
        [DataRequired(_l("请输入邮箱")), Length(max=254)],
        render_kw={"inputmode": "email", "autocapitalize": "none", "autocomplete": "off"},
    )
    role = SelectField(_l("角色"))


class NewcomerForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The account of somebody who was invited and has none."""

    name = StringField(_l("姓名"), [DataRequired(_l("请填写姓名")), Length(max=60)], render_kw={"autocomplete": "name"})
    password = PasswordField(_l("密码"), [DataRequired(_l("请输入密码"))], render_kw={"autocomplete": "new-password"})


def show_errors(form: FlaskForm, errors: tuple[FieldError, ...]) -> None:
    """Put what a service found wrong beside the fields to blame."""
    for error in errors:
        if error.field in form:
            form[error.field].errors = [*form[error.field].errors, error.message]
        else:
            form.form_errors.append(error.message)
