"""Orders over HTTP."""

from datetime import timedelta
from typing import Any

from flask import current_app

from shop.db import db, now, transaction
from shop.identity.actor import require_actor, requires
from shop.identity.idempotency import idempotent
from shop.orders import queries, service
from shop.orders.models import Order
from shop.orders.schemas import OrderQuery, OrderRequest, OrderSchema
from shop.orders.service import OrderDraft
from shop.rest import ApiBlueprint, page_headers

blueprint = ApiBlueprint("orders", __name__, description="Orders")


@blueprint.post("/orders")
@idempotent
@requires()
@blueprint.arguments(OrderRequest)
@blueprint.response(201, OrderSchema)
def place_order(draft: OrderDraft) -> Order:
    """Place an order and hold its stock."""
    actor = require_actor()
    pay_within = timedelta(hours=current_app.config["SETTINGS"].payment_hours)
    with transaction() as session:
        return service.place_order(session, actor, draft, at=now(), pay_within=pay_within)


@blueprint.get("/orders")
@requires()
@blueprint.arguments(OrderQuery, location="query")
@blueprint.response(200, OrderSchema(many=True))
def list_orders(query: dict[str, Any]) -> tuple[list[Order], int, dict[str, str]]:
    """List the caller's orders, newest first."""
    page = queries.history(db.session, require_actor(), **query)
    headers = page_headers(page=page.page, page_size=page.page_size, total=page.total)
    return page.items, 200, headers


@blueprint.get("/orders/<number>")
@requires()
@blueprint.response(200, OrderSchema)
def get_order(number: str) -> Order:
    """Return one order."""
    return queries.order(db.session, require_actor(), number)


@blueprint.post("/orders/<number>/cancel")
@idempotent
@requires()
@blueprint.response(200, OrderSchema)
def cancel_order(number: str) -> Order:
    """Cancel an order that is neither paid nor accepted."""
    actor = require_actor()
    with transaction() as session:
        return service.cancel_order(session, actor, number)
