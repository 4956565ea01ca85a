"""A parcel as the API speaks it."""

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from shop.db import business_day
from shop.orders.shipping.models import Carrier
from shop.orders.shipping.rules import MAX_REASON, MAX_TRACKING_NUMBER, Parcel


class ShipmentRequest(ma.Schema):
    """A parcel that left. `further` says that the order is known to have others already."""

    carrier = fields.Enum(Carrier, by_value=True, required=True)
    tracking_number = fields.String(load_default="", validate=validate.Length(0, MAX_TRACKING_NUMBER))
    shipped_on = fields.Date(load_default=None, allow_none=True)
    further = fields.Boolean(load_default=False)

    @ma.post_load
    def make(self, data: dict[str, Any], **_: object) -> Parcel:
        """Return the parcel that the service takes; one without a day left today."""
        day = data["shipped_on"] or business_day()
        return Parcel(data["carrier"], data["tracking_number"], day, is_further=data["further"])


class WithdrawalRequest(ma.Schema):
    """Why a parcel did not leave after all."""

    reason = fields.String(required=True, validate=validate.Length(1, MAX_REASON))


class ShipmentSchema(ma.Schema):
    """A parcel of an order."""

    id = fields.UUID()
    carrier = fields.Enum(Carrier, by_value=True)
    tracking_number = fields.String()
    shipped_on = fields.Date()
    recorded_at = fields.AwareDateTime()
