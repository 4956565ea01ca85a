"""Shipping over HTTP."""

from typing import Any
from uuid import UUID

from shop.db import business_day, transaction
from shop.identity.actor import require_actor, requires
from shop.identity.idempotency import idempotent
from shop.identity.models import Role
from shop.orders.models import Order
from shop.orders.schemas import OrderSchema
from shop.orders.shipping import service
from shop.orders.shipping.rules import Parcel
from shop.orders.shipping.schemas import ShipmentRequest, WithdrawalRequest
from shop.rest import ApiBlueprint

blueprint = ApiBlueprint("shipping", __name__, description="Shipping")


@blueprint.post("/orders/<number>/shipments")
@idempotent
@requires(Role.OPERATOR)
@blueprint.arguments(ShipmentRequest)
@blueprint.response(201, OrderSchema)
def ship_order(parcel: Parcel, number: str) -> Order:
    """Record that a parcel of an order left the store."""
    actor = require_actor()
    with transaction() as session:
        return service.ship_order(session, actor, number, parcel, today=business_day())


@blueprint.post("/orders/<number>/shipments/<uuid:shipment_id>/withdraw")
@idempotent
@requires(Role.OPERATOR)
@blueprint.arguments(WithdrawalRequest)
@blueprint.response(200, OrderSchema)
def withdraw_shipment(payload: dict[str, Any], number: str, shipment_id: UUID) -> Order:
    """Take back a parcel that was recorded by mistake."""
    actor = require_actor()
    with transaction() as session:
        return service.withdraw_shipment(session, actor, number, shipment_id, reason=payload["reason"])
