"""The catalogue over HTTP, open to everybody."""

from typing import Any

from shop.catalogue import queries
from shop.catalogue.display.views import ProductView
from shop.catalogue.schemas import ProductQuery, ProductSchema
from shop.db import db
from shop.rest import ApiBlueprint, page_headers

blueprint = ApiBlueprint("catalogue", __name__, description="Products")


@blueprint.get("/products")
@blueprint.arguments(ProductQuery, location="query")
@blueprint.response(200, ProductSchema(many=True))
@blueprint.doc(security=[])
def list_products(query: dict[str, Any]) -> tuple[list[ProductView], int, dict[str, str]]:
    """List the products that are for sale."""
    page = queries.product_list(db.session, **query)
    return page.items, 200, page_headers(page=page.page, page_size=page.page_size, total=page.total)


@blueprint.get("/products/<product_id>")
@blueprint.response(200, ProductSchema)
@blueprint.doc(security=[])
def get_product(product_id: str) -> ProductView:
    """Show one product."""
    return queries.product(db.session, product_id)
