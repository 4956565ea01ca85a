"""The basket: lines kept by owner, so that a signed-in buyer finds them on every device."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, joinedload

from shop.catalogue.models import Product, Sku
from shop.db import now
from shop.errors import NotFound
from shop.orders import rules
from shop.orders.models import BasketLine


@dataclass(frozen=True)
class Basket:
    """What an owner means to buy, priced as of now."""

    lines: list[BasketLine]

    @property
    def goods_fen(self) -> int:
        """The sum of the lines at today's prices."""
        return sum(line.amount_fen for line in self.lines)

    @property
    def short_lines(self) -> list[BasketLine]:
        """The lines that want more than there is."""
        return [line for line in self.lines if line.quantity > line.sku.stock]


def load(session: Session, owner: UUID) -> Basket:
    """Return an owner's basket with items, products, counties and categories, in the order of adding."""
    lines = session.scalars(
        sa.select(BasketLine)
        .where(BasketLine.owner == owner)
        .options(
            joinedload(BasketLine.sku).joinedload(Sku.product).selectinload(Product.county),
            joinedload(BasketLine.sku).joinedload(Sku.product).selectinload(Product.category),
        )
        .order_by(BasketLine.added_at, BasketLine.sku_code)
    )
    return Basket(list(lines))


def count(session: Session, owner: UUID) -> int:
    """Return how many items the basket holds."""
    return session.scalar(sa.select(sa.func.count()).select_from(BasketLine).where(BasketLine.owner == owner)) or 0


def add(session: Session, owner: UUID, *, sku_code: str, quantity: int) -> None:
    """Add to the basket; what is already there is added to, up to the largest quantity of a line.

    Raises:
        NotFound: there is no such item for sale.
    """
    is_for_sale = session.scalar(
        sa.select(sa.true()).select_from(Sku).join(Sku.product).where(Sku.code == sku_code, Product.is_listed)
    )
    if not is_for_sale:
        raise NotFound
    _add_all(session, owner, {sku_code: quantity})


def add_again(session: Session, owner: UUID, quantities: Mapping[str, int]) -> int:
    """Add what an earlier order held, (item, quantity), and return how many items were left out: no longer for sale."""
    for_sale = session.scalars(
        sa.select(Sku.code).join(Sku.product).where(Sku.code.in_(quantities), Product.is_listed)
    ).all()
    _add_all(session, owner, {code: quantities[code] for code in for_sale})
    return len(quantities) - len(for_sale)


def set_quantity(session: Session, owner: UUID, *, sku_code: str, quantity: int) -> None:
    """Set a line's quantity; zero removes it."""
    line = session.get(BasketLine, (owner, sku_code))
    if line is None:
        return
    if quantity:
        line.quantity = quantity
    else:
        session.delete(line)


def take(session: Session, owner: UUID) -> tuple[tuple[str, int], ...]:
    """Take everything out and return it as an order wants it, (item, quantity) in the order of adding.

    What is added meanwhile stays; who takes at the same moment waits for this transaction and finds nothing.
    """
    rows = session.execute(
        sa.delete(BasketLine)
        .where(BasketLine.owner == owner)
        .returning(BasketLine.added_at, BasketLine.sku_code, BasketLine.quantity)
    )
    in_order = sorted(rows, key=lambda row: (row.added_at, row.sku_code))
    return tuple((row.sku_code, row.quantity) for row in in_order)


def merge(session: Session, *, visitor: UUID, user: UUID) -> None:
    """Move what an anonymous visitor chose into the basket of the user as whom they signed in."""
    _add_all(session, user, dict(take(session, visitor)))


def _add_all(session: Session, owner: UUID, quantities: Mapping[str, int]) -> None:
    for sku_code in sorted(quantities):
        row = insert(BasketLine).values(owner=owner, sku_code=sku_code, quantity=quantities[sku_code], added_at=now())
        session.execute(
            row.on_conflict_do_update(
                index_elements=[BasketLine.owner, BasketLine.sku_code],
                set_={
                    "quantity": sa.func.least(BasketLine.quantity + row.excluded.quantity, rules.MAX_QUANTITY),
                },
            )
        )
