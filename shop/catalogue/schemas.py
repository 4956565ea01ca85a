"""The catalogue as the API speaks it."""

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from shop.catalogue import rules, search
from shop.catalogue.finding.filters import SORTS, ProductFilters
from shop.catalogue.models import BrandStatus
from shop.rest import PageQuery

_CODE = validate.Length(max=32)


class ProductQuery(PageQuery):
    """What narrows the list of products."""

    q = fields.String(load_default="", validate=validate.Length(max=search.MAX_QUERY_LENGTH))
    category = fields.String(load_default="", validate=_CODE)
    county = fields.String(load_default="", validate=_CODE)
    prefecture = fields.String(load_default="", validate=_CODE)
    month = fields.Integer(load_default=None, validate=validate.Range(1, rules.MONTHS))
    available = fields.Boolean(load_default=False)
    gi = fields.Boolean(load_default=False)
    sort = fields.String(load_default="relevance", validate=validate.OneOf(SORTS))

    @ma.post_load
    def make(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        """Return the arguments of the query."""
        page, page_size = data.pop("page"), data.pop("page_size")
        return {"filters": ProductFilters(**data), "page": page, "page_size": page_size}


class PlaceSchema(ma.Schema):
    """A county or a prefecture."""

    code = fields.String()
    name = fields.String()
    name_en = fields.String()


class SkuSchema(ma.Schema):
    """One pack. Unit prices are rounded for display; null where the pack has no weight."""

    sku = fields.String(attribute="code")
    pack = fields.String()
    unit = fields.String()
    weight_g = fields.Integer(allow_none=True)
    price_fen = fields.Integer()
    per_500g_fen = fields.Integer(allow_none=True)
    per_kg_fen = fields.Integer(allow_none=True)
    is_price_illustrative = fields.Boolean()
    stock = fields.Integer()


class ProductSchema(ma.Schema):
    """One product. `gi` null means unknown, not no."""

    id = fields.String()
    name = fields.String()
    name_en = fields.String()
    pinyin = fields.String()
    category = fields.String(attribute="category.code")
    county = fields.Nested(PlaceSchema)
    prefecture = fields.Nested(PlaceSchema)
    season_months = fields.List(fields.Integer())
    in_season = fields.Boolean()
    storage = fields.String()
    gi = fields.Boolean(allow_none=True)
    gi_basis = fields.String()
    brand_status = fields.Enum(BrandStatus, by_value=True)
    producer = fields.String(attribute="producer_name")
    note = fields.String()
    image_url = fields.String()
    skus = fields.List(fields.Nested(SkuSchema))
