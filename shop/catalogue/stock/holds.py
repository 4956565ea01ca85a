"""Stock that orders hold and give back, each change with its row in the item's history."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext, lazy_gettext
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.attributes import set_committed_value

import ledger
from shop.catalogue.models import Product, Sku, StockReason
from shop.errors import FieldError, InvalidInput, ShopError

# The number changes and the row that tells of it is stored in one statement; the rows are locked already.
_MOVE = sa.text("""
    WITH moved AS (
        UPDATE sku SET stock = stock + asked.change
        FROM unnest(:ids, :codes, :changes) AS asked (id, code, change)
        WHERE sku.code = asked.code
        RETURNING asked.id, sku.code, asked.change, sku.stock
    )
    INSERT INTO stock_movement (id, sku_code, change, stock_after, reason, order_number, user_id)
    SELECT id, code, change, stock, :reason, :order_number, :user_id FROM moved
""").bindparams(
    sa.bindparam("ids", type_=ARRAY(sa.Uuid())),
    sa.bindparam("codes", type_=ARRAY(sa.Text())),
    sa.bindparam("changes", type_=ARRAY(sa.Integer())),
    sa.bindparam("order_number", type_=sa.Text()),
    sa.bindparam("user_id", type_=sa.Uuid()),
)

_ITEMS = (
    sa.select(Sku)
    .where(Sku.code.in_(sa.bindparam("codes", expanding=True)))
    .order_by(Sku.code)
    .options(joinedload(Sku.product, innerjoin=True).joinedload(Product.producer, innerjoin=True))
    # What the session read before it had the lock may be stale.
    .execution_options(populate_existing=True)
)
_LOCKED = _ITEMS.with_for_update(of=Sku)


class OutOfStock(ShopError):
    """There is less on the shelf than was asked for. `errors` names each item and what is left of it."""

    code = "out-of-stock"
    title = lazy_gettext("库存不足")


class NotForSale(ShopError):
    """An item is not, or no longer, listed."""

    code = "not-for-sale"
    title = lazy_gettext("商品已下架")


@dataclass(frozen=True)
class Cause:
    """What moves stock by itself: an order that is placed, cancelled or has expired, and by whom."""

    reason: StockReason
    order_number: str | None = None
    user_id: UUID | None = None


def hold_stock(
    session: Session, demand: Mapping[str, int], *, cause: Cause = Cause(StockReason.ORDERED)
) -> dict[str, Sku]:
    """Take packs off the shelf for an order, all of them or none.

    Locks the rows in the order of their codes, so that two orders for the same items wait for each other and never
    block each other for good. Runs in the caller's transaction: the locks last until it ends.

    Args:
        session: the caller's.
        demand: packs by code, already summed over the order's lines.
        cause: what the history of each item tells of it.

    Returns:
        The items by code, with product and producer loaded.

    Raises:
        InvalidInput: an item does not exist or its number is not positive.
        NotForSale: an item is not listed.
        OutOfStock: naming every item that is short.
    """
    skus = _lock(session, demand)
    _refuse_unlisted(skus)
    short = tuple(
        FieldError(
            code,
            gettext(
                "“%(name)s %(pack)s”只剩 %(left)s %(unit)s。",
                name=sku.product.name,
                pack=sku.pack,
                left=sku.stock,
                unit=sku.unit,
            ),
            value=str(sku.stock),
        )
        for code, sku in skus.items()
        if sku.stock < demand[code]
    )
    if short:
        raise OutOfStock(" ".join(error.message for error in short), errors=short)
    _move(session, skus, {code: -packs for code, packs in demand.items()}, cause)
    return skus


def return_stock(session: Session, demand: Mapping[str, int], *, cause: Cause = Cause(StockReason.CANCELLED)) -> None:
    """Put packs back on the shelf, as when an order is cancelled, whether or not they are still listed.

    Locks as `hold_stock` does, and like it runs in the caller's transaction.

    Raises:
        InvalidInput: an item does not exist or its number is not positive.
    """
    _move(session, _lock(session, demand), demand, cause)


def _lock(session: Session, demand: Mapping[str, int]) -> dict[str, Sku]:
    if bad := [code for code, packs in demand.items() if packs <= 0]:
        raise InvalidInput(errors=tuple(FieldError(code, gettext("数量必须大于零。")) for code in sorted(bad)))
    found = {sku.code: sku for sku in session.scalars(_LOCKED, {"codes": list(demand)})}
    if missing := sorted(demand.keys() - found.keys()):
        raise InvalidInput(errors=tuple(FieldError(code, gettext("没有这种规格。"), value=code) for code in missing))
    return found


def _refuse_unlisted(skus: Mapping[str, Sku]) -> None:
    unlisted = tuple(
        FieldError(code, gettext("“%(name)s”已下架。", name=sku.product.name))
        for code, sku in skus.items()
        if not sku.product.is_listed
    )
    if unlisted:
        raise NotForSale(" ".join(error.message for error in unlisted), errors=unlisted)


def _move(session: Session, skus: Mapping[str, Sku], changes: Mapping[str, int], cause: Cause) -> None:
    """Change the numbers of locked items and store why, in one statement."""
    codes = sorted(skus)
    parameters = {
        "ids": [ledger.uuid7() for _ in codes],
        "codes": codes,
        "changes": [changes[code] for code in codes],
        "reason": cause.reason.value,
        "order_number": cause.order_number,
        "user_id": cause.user_id,
    }
    session.execute(_MOVE, parameters)
    for code, sku in skus.items():
        set_committed_value(sku, "stock", sku.stock + changes[code])
