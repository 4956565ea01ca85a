"""Off-platform sales on the API."""

from typing import Any

from shop.assistance import queries, service
from shop.assistance.models import Sale
from shop.assistance.rules import SaleDraft
from shop.assistance.schemas import ReasonSchema, SaleQuery, SaleRequest, SaleSchema
from shop.db import db, transaction
from shop.identity.actor import require_actor, requires
from shop.identity.idempotency import idempotent
from shop.rest import ApiBlueprint, page_headers

blueprint = ApiBlueprint("assistance", __name__, description="Off-platform sales and their evidence")


@blueprint.get("/sales")
@requires(*queries.READERS)
@blueprint.arguments(SaleQuery, location="query")
@blueprint.response(200, SaleSchema(many=True))
def list_sales(query: dict[str, Any]) -> tuple[Any, int, dict[str, str]]:
    """List sales, the newest report first; an officer sees those of their own partner."""
    found = queries.sales(db.session, require_actor(), **query)
    headers = page_headers(page=found.page, page_size=found.page_size, total=found.total)
    return found.items, 200, headers


@blueprint.post("/sales")
@idempotent
@requires(*queries.READERS)
@blueprint.arguments(SaleRequest)
@blueprint.response(201, SaleSchema)
def report_sale(draft: SaleDraft) -> Sale:
    """Report one off-platform sale. It counts once another person has confirmed it."""
    with transaction() as session:
        return service.report_sale(session, require_actor(), draft)


@blueprint.get("/sales/<reference>")
@requires(*queries.READERS)
@blueprint.response(200, SaleSchema)
def get_sale(reference: str) -> Sale:
    """Return one sale."""
    return queries.sale(db.session, require_actor(), reference)


@blueprint.post("/sales/<reference>/confirm")
@idempotent
@requires(*queries.READERS)
@blueprint.response(200, SaleSchema)
def confirm_sale(reference: str) -> Sale:
    """Confirm a reported sale and post it to the assistance book."""
    with transaction() as session:
        return service.confirm_sale(session, require_actor(), reference)


@blueprint.post("/sales/<reference>/reject")
@idempotent
@requires(*queries.READERS)
@blueprint.arguments(ReasonSchema)
@blueprint.response(200, SaleSchema)
def reject_sale(body: dict[str, str], reference: str) -> Sale:
    """Reject a reported sale, with the reason."""
    with transaction() as session:
        return service.reject_sale(session, require_actor(), reference, reason=body["reason"])


@blueprint.post("/sales/<reference>/reverse")
@idempotent
@requires(*queries.READERS)
@blueprint.arguments(ReasonSchema)
@blueprint.response(200, SaleSchema)
def reverse_sale(body: dict[str, str], reference: str) -> Sale:
    """Take a confirmed sale back out of the books, with the reason."""
    with transaction() as session:
        return service.reverse_sale(session, require_actor(), reference, reason=body["reason"])
