"""What the search field offers while somebody types: goods, and places with goods."""

from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased, joinedload

from shop.catalogue import queries
from shop.catalogue.display.views import ProductView
from shop.catalogue.finding import spelling
from shop.catalogue.finding.filters import ProductFilters
from shop.catalogue.finding.matching import Wanted, resolve
from shop.catalogue.models import Product
from shop.registry.models import Region

PRODUCTS = 6
PLACES = 2


@dataclass(frozen=True)
class Suggestions:
    """What could be meant, the likeliest first."""

    wanted: Wanted = field(default_factory=Wanted)
    products: list[ProductView] = field(default_factory=list)
    places: list[Region] = field(default_factory=list)
    total: int = 0
    """All products that the search would show."""


def suggest(session: Session, q: str) -> Suggestions:
    """Return what to offer for the beginning of a query. Costs at most eight queries whatever is typed and sold."""
    wanted = resolve(session, q)
    if not wanted.terms:
        return Suggestions()
    page = queries.product_list(session, ProductFilters(q=q), 1, PRODUCTS, wanted)
    places = _places(session, wanted.terms[0]) if len(wanted.terms) == 1 else []
    return Suggestions(wanted, page.items, places, page.total)


def _places(session: Session, term: str) -> list[Region]:
    """Return the prefectures and counties whose name begins so and in which listed products are at home."""
    inside = aliased(Region)
    at_home = sa.exists().where(
        Product.county_code == inside.code,
        Product.is_listed,
        sa.or_(inside.code == Region.code, inside.parent_code == Region.code),
    )
    name = Region.name if spelling.is_han(term) else sa.func.lower(Region.pinyin)
    query = sa.select(Region).where(name.startswith(term), at_home).options(joinedload(Region.parent))
    return list(session.scalars(query.order_by(Region.code).limit(PLACES)))
