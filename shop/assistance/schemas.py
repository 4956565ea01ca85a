"""The shapes of sales on the API."""

from decimal import Decimal, InvalidOperation
from typing import Any

import marshmallow as ma
from flask_babel import gettext
from marshmallow import fields, post_load, validate

from shop.assistance.models import UNKNOWN_COUNTY, EvidenceKind, SaleMode, SaleStatus
from shop.assistance.rules import MAX_EVIDENCE, Paper, SaleDraft
from shop.rest import PageQuery
from shop.web import format_quantity

_EXACT_FLOAT_DIGITS = 15
_LONGEST_NUMBER = 40


class Quantity(fields.Field[Decimal]):
    """An exact quantity: a decimal string, or a number of at most 15 digits. Answers hold the string."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str:  # noqa: ANN401, ARG002 -- marshmallow's signature
        return format_quantity(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:  # noqa: ANN401, ARG002 -- marshmallow's signature
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ma.ValidationError(gettext("应为数字或数字文本"))
        # The shortest text that reads back as this float is what the sender wrote, up to 15 digits.
        text = str(value).strip()
        try:
            number = Decimal(text) if len(text) <= _LONGEST_NUMBER else Decimal("NaN")
        except InvalidOperation as error:
            raise ma.ValidationError(gettext("应为数字或数字文本")) from error
        if isinstance(value, float) and len(number.as_tuple().digits) > _EXACT_FLOAT_DIGITS:
            raise ma.ValidationError(gettext("位数太多，请改用文本形式以免丢失精度"))
        return number


class EvidenceSchema(ma.Schema):
    """One piece of evidence."""

    kind = fields.Enum(EvidenceKind, by_value=True, required=True)
    number = fields.String(required=True, validate=validate.Length(min=1, max=200))


class _SaleFields(ma.Schema):
    """What a request and an answer share."""

    reference = fields.String(required=True, validate=validate.Length(max=200))
    partner = fields.String(required=True, attribute="partner_code")
    mode = fields.Enum(SaleMode, by_value=True, required=True)
    channel = fields.String(required=True, attribute="channel_code")
    county = fields.String(load_default=UNKNOWN_COUNTY, allow_none=True)
    category = fields.String(required=True, attribute="category_code")
    product = fields.String(required=True, validate=validate.Length(max=1000))
    quantity = Quantity(required=True, metadata={"type": ["string", "number"], "example": "120.5"})
    unit = fields.String(required=True, validate=validate.Length(max=1000))
    amount_fen = fields.Integer(strict=True, required=True)
    sold_on = fields.Date(required=True)
    buyer = fields.String(required=True, validate=validate.Length(max=1000))
    evidence = fields.List(fields.Nested(EvidenceSchema), required=True, validate=validate.Length(max=MAX_EVIDENCE))


class SaleRequest(_SaleFields):
    """A sale to report. `county` may be null or "unknown"."""

    @post_load
    def make_draft(self, data: dict[str, Any], **_: object) -> SaleDraft:
        """Turn the loaded fields into a draft."""
        papers = tuple(Paper(**paper) for paper in data.pop("evidence"))
        codes = {name: data.pop(f"{name}_code") for name in ("partner", "channel", "category")}
        return SaleDraft(**data | codes | {"county": data["county"] or UNKNOWN_COUNTY}, evidence=papers)


class SaleSchema(_SaleFields):
    """A sale as it stands."""

    status = fields.Enum(SaleStatus, by_value=True)
    entry_key = fields.String()
    is_paired = fields.Boolean()
    rule_version = fields.String()
    reason = fields.String(allow_none=True)
    reported_at = fields.AwareDateTime()
    decided_at = fields.AwareDateTime(allow_none=True)


class SaleQuery(PageQuery):
    """Filters of the list of sales."""

    status = fields.Enum(SaleStatus, by_value=True, load_default=None)
    partner = fields.String(load_default=None, validate=validate.Regexp(r"[A-Za-z0-9-]{1,64}\Z"))


class ReasonSchema(ma.Schema):
    """Why a sale is rejected or reversed."""

    reason = fields.String(required=True, validate=validate.Length(min=1, max=200))
