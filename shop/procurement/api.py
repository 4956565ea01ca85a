"""Acceptance and delivery over HTTP."""

from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from shop.db import business_day, transaction
from shop.identity.actor import require_actor, requires
from shop.identity.idempotency import idempotent
from shop.orders.models import Order
from shop.orders.rules import MAX_LINES
from shop.orders.schemas import OrderSchema
from shop.procurement import delivery, service
from shop.procurement.rules import AcceptedLine
from shop.rest import ApiBlueprint

blueprint = ApiBlueprint("procurement", __name__, description="Acceptance and delivery")


class AcceptedLineSchema(ma.Schema):
    """What was accepted of one line."""

    line_no = fields.Integer(required=True, strict=True)
    accepted_quantity = fields.Decimal(required=True, allow_nan=False)
    reason = fields.String(load_default=None, allow_none=True, validate=validate.Length(0, 200))

    @ma.post_load
    def make(self, data: dict[str, Any], **_: object) -> AcceptedLine:
        """Return the line that the service takes."""
        return AcceptedLine(**data)


class AcceptanceRequest(ma.Schema):
    """What was accepted of an order, every line once."""

    lines = fields.List(fields.Nested(AcceptedLineSchema), required=True, validate=validate.Length(1, MAX_LINES))


@blueprint.post("/orders/<number>/receipts")
@idempotent
@requires()
@blueprint.arguments(AcceptanceRequest)
@blueprint.response(201, OrderSchema)
def accept_goods(payload: dict[str, Any], number: str) -> Order:
    """Record the acceptance of an order's goods."""
    actor = require_actor()
    with transaction() as session:
        return service.accept_goods(session, actor, number, payload["lines"], on=business_day())


@blueprint.post("/orders/<number>/delivery")
@idempotent
@requires()
@blueprint.response(201, OrderSchema)
def deliver(number: str) -> Order:
    """Record that a private buyer has the goods as ordered."""
    actor = require_actor()
    with transaction() as session:
        return delivery.deliver(session, actor, number, on=business_day())
