"""The forms of off-platform sales. They read what was typed; `rules` decides whether it is right."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from wtforms import (
    DateField,
    DecimalField,
    FieldList,
    Form,
    FormField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.fields import SelectChoice
from wtforms.fields.core import Field
from wtforms.validators import InputRequired

import ledger
from shop.assistance.models import UNKNOWN_COUNTY, EvidenceKind, SaleMode
from shop.assistance.rules import EVIDENCE_LABELS, MAX_EVIDENCE, MODE_LABELS, Paper, SaleDraft
from shop.errors import FieldError

EVIDENCE_ROWS = 3
"""Rows for evidence that the page shows without JavaScript; a refused form has a blank one after those in use."""

_REQUIRED = lazy_gettext("请填写这一项。")
_CHOOSE = lazy_gettext("请选择一项。")
_FORM_FIELDS = {"amount_fen": "amount"}


class YuanField(StringField):  # type: ignore[misc]  # WTForms ships no types
    """An amount in yuan as text; `fen` holds it exactly once the form is valid."""

    fen: int = 0

    def pre_validate(self, form: Form) -> None:  # noqa: ARG002 -- WTForms' signature
        """Read the text as fen; whether it may be empty is for the validators to say."""
        if not self.data:
            return
        try:
            self.fen = ledger.parse_yuan(self.data.strip())
        except ledger.LedgerError as error:
            raise ValidationError(gettext("请填写金额，单位元，最多两位小数，如 1234.50")) from error


class EvidenceForm(Form):  # type: ignore[misc]  # WTForms ships no types
    """One row of evidence; a row without a number is left out."""

    kind = SelectField(
        lazy_gettext("凭证种类"), choices=[SelectChoice(kind.value, EVIDENCE_LABELS[kind]) for kind in EvidenceKind]
    )
    number = StringField(lazy_gettext("编号"))


class SaleForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """One off-platform sale."""

    reference = StringField(lazy_gettext("编号"), [InputRequired(_REQUIRED)])
    partner = SelectField(lazy_gettext("帮扶方"), [InputRequired(_CHOOSE)])
    mode = RadioField(
        lazy_gettext("帮扶方式"),
        [InputRequired(_CHOOSE)],
        choices=[SelectChoice(mode.value, MODE_LABELS[mode]) for mode in SaleMode],
        default=SaleMode.ASSISTED.value,
    )
    channel = SelectField(lazy_gettext("销售渠道"), [InputRequired(_CHOOSE)])
    county = SelectField(lazy_gettext("产地县（市、区）"), [InputRequired(_CHOOSE)])
    category = SelectField(lazy_gettext("品类"), [InputRequired(_CHOOSE)])
    product = StringField(lazy_gettext("产品"), [InputRequired(_REQUIRED)])
    quantity = DecimalField(
        lazy_gettext("数量"), [InputRequired(_REQUIRED)], places=None, render_kw={"inputmode": "decimal"}
    )
    unit = StringField(lazy_gettext("单位"), [InputRequired(_REQUIRED)])
    amount = YuanField(
        lazy_gettext("金额（元，含税，不含运费）"), [InputRequired(_REQUIRED)], render_kw={"inputmode": "decimal"}
    )
    sold_on = DateField(lazy_gettext("销售日期"), [InputRequired(_REQUIRED)])
    buyer = StringField(lazy_gettext("采购方"), [InputRequired(_REQUIRED)])
    evidence = FieldList(FormField(EvidenceForm), min_entries=EVIDENCE_ROWS)

    def offer(
        self,
        *,
        partners: Sequence[SelectChoice],
        channels: Sequence[SelectChoice],
        counties: Sequence[SelectChoice],
        categories: Sequence[SelectChoice],
    ) -> None:
        """Fill the lists that come from the registry; `counties` come grouped."""
        blank = SelectChoice("", gettext("请选择"))
        unknown = SelectChoice(UNKNOWN_COUNTY, gettext("暂不清楚产地（封账前须查明）"), optgroup=gettext("产地未知"))
        self.partner.choices = list(partners) if len(partners) == 1 else [blank, *partners]
        self.channel.choices = [blank, *channels]
        self.county.choices = [blank, *counties, unknown]
        self.category.choices = [blank, *categories]

    def draft(self, today: date) -> SaleDraft:
        """Return what was typed; what cannot be read, and so is marked as wrong, has something in its stead."""
        return SaleDraft(
            reference=self.reference.data or "",
            partner=self.partner.data or "",
            mode=SaleMode.ASSISTED if self.mode.errors else SaleMode(self.mode.data),
            channel=self.channel.data or "",
            county=self.county.data or "",
            category=self.category.data or "",
            product=self.product.data or "",
            quantity=self.quantity.data if self.quantity.data is not None else Decimal(0),
            unit=self.unit.data or "",
            amount_fen=self.amount.fen,
            sold_on=self.sold_on.data or today,
            buyer=self.buyer.data or "",
            evidence=tuple(Paper(EvidenceKind(row.kind.data), row.number.data) for row in self._papers()),
        )

    def show_errors(self, errors: Iterable[FieldError]) -> None:
        """Put a refusal's messages beside the fields that they speak of; a field that is marked already stays so."""
        for error in errors:
            field = self._field_of(error.field)
            field.errors = field.errors or [error.message]
        self.evidence.errors = [row.errors for row in self.evidence if row.errors]

    def settle_evidence_rows(self) -> None:
        """Show the rows in use and a blank one, no fewer than at first and no more than a sale may have."""
        in_use = max((number for number, row in enumerate(self.evidence, start=1) if _is_typed(row)), default=0)
        wanted = max(EVIDENCE_ROWS, in_use, min(in_use + 1, MAX_EVIDENCE))
        while len(self.evidence) > wanted:
            self.evidence.pop_entry()
        while len(self.evidence) < wanted:
            self.evidence.append_entry()

    def _papers(self) -> list[FormField]:
        return [row for row in self.evidence if _is_typed(row) and not row.kind.errors]

    def _field_of(self, path: str) -> Field:
        name, _, rest = path.partition(".")
        if name != "evidence":
            return self[_FORM_FIELDS.get(name, name)]
        index = rest.partition(".")[0]
        # Evidence as a whole is complained about in the first row.
        return self._papers()[int(index)].number if index else self.evidence[0].number


def _is_typed(row: FormField) -> bool:
    return bool(row.number.data and row.number.data.strip())


class ReasonForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Why a sale is rejected or reversed."""

    reason = TextAreaField(lazy_gettext("理由"), [InputRequired(_REQUIRED)], render_kw={"rows": 2, "maxlength": 200})
