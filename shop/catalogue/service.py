"""Stock and listing: what an order holds and gives back, what an operator sets."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session, joinedload

from shop.catalogue.models import Product, Sku
from shop.errors import FieldError, InvalidInput, NotFound, ShopError
from shop.identity import audit
from shop.identity.actor import Actor

MAX_STOCK = 10_000_000
MAX_PRICE_FEN = 100_000_000_00


class OutOfStock(ShopError):
    """There is less on the shelf than was asked for. `errors` names each item and what is left of it."""

    code = "out-of-stock"
    title = lazy_gettext("库存不足")


class NotForSale(ShopError):
    """An item is not, or no longer, listed."""

    code = "not-for-sale"
    title = lazy_gettext("商品已下架")


class StockMoved(ShopError):
    """The stock changed between the operator's look and the operator's answer."""

    code = "stock-moved"
    title = lazy_gettext("库存已变动")


@dataclass(frozen=True)
class ItemUpdate:
    """What an operator's form says of one item; None stands for what could not be read."""

    stock: int | None
    seen_stock: int | None
    price_fen: int | None
    is_listed: bool


def hold_stock(session: Session, demand: Mapping[str, int]) -> dict[str, Sku]:
    """Take packs off the shelf for an order, all of them or none.

    Locks the rows in the order of their codes, so that two orders for the same items wait for each other and never
    block each other for good. Runs in the caller's transaction: the locks last until it ends.

    Args:
        session: the caller's.
        demand: packs by code, already summed over the order's lines.

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
    for code, sku in skus.items():
        sku.stock -= demand[code]
    session.flush()
    return skus


def return_stock(session: Session, demand: Mapping[str, int]) -> None:
    """Put packs back on the shelf, as when an order is cancelled, whether or not they are still listed.

    Locks as `hold_stock` does, and like it runs in the caller's transaction.

    Raises:
        InvalidInput: an item does not exist or its number is not positive.
    """
    for code, sku in _lock(session, demand).items():
        sku.stock += demand[code]
    session.flush()


def set_stock(session: Session, actor: Actor, sku_code: str, stock: int, *, seen: int | None = None) -> Sku:
    """Set how many packs are on the shelf, without those that orders hold.

    Args:
        session: the caller's; it is not committed.
        actor: who sets it, for the audit trail.
        sku_code: the item.
        stock: the new number of packs.
        seen: the number that the operator looked at; given, it must still be the number on the shelf.

    Raises:
        NotFound: there is no such item.
        InvalidInput: the number is negative or absurd.
        StockMoved: orders have changed the number since it was looked at.
    """
    if not 0 <= stock <= MAX_STOCK:
        raise _bad("stock", gettext("库存应是 0 到 %(most)s 之间的整数。", most=MAX_STOCK))
    sku = _locked_sku(session, sku_code)
    if seen is not None and sku.stock != seen:
        raise StockMoved(
            gettext("查看后库存已由 %(seen)s 变为 %(left)s，请按最新数字重新填写。", seen=seen, left=sku.stock)
        )
    if sku.stock != stock:
        audit.record(session, actor, action="stock.set", subject=f"sku:{sku_code}", old=sku.stock, new=stock)
        sku.stock = stock
        session.flush()
    return sku


def set_price(session: Session, actor: Actor, sku_code: str, price_fen: int) -> Sku:
    """Set the price of a pack; from then on it is the seller's and no illustration. Orders placed keep theirs.

    Raises:
        NotFound: there is no such item.
        InvalidInput: the price is not positive or absurd.
    """
    if not 0 < price_fen <= MAX_PRICE_FEN:
        raise _bad("price", gettext("价格应大于零，最多两位小数。"))
    sku = _locked_sku(session, sku_code)
    if sku.price_fen != price_fen:
        audit.record(session, actor, action="price.set", subject=f"sku:{sku_code}", old=sku.price_fen, new=price_fen)
        sku.price_fen = price_fen
        sku.is_price_illustrative = False
        session.flush()
    return sku


def set_listed(session: Session, actor: Actor, product_id: str, *, is_listed: bool) -> Product:
    """Put a product into the shop or take it out. Orders placed are not touched.

    Raises:
        NotFound: there is no such product.
    """
    product = session.get(Product, product_id, with_for_update=True, populate_existing=True)
    if product is None:
        raise NotFound(gettext("没有这种商品。"))
    if product.is_listed is not is_listed:
        audit.record(session, actor, action="listing.set", subject=f"product:{product_id}", new=is_listed)
        product.is_listed = is_listed
        session.flush()
    return product


def update_item(session: Session, actor: Actor, sku_code: str, update: ItemUpdate) -> Sku:
    """Set stock, price and listing of one item together; what is as it was seen stays untouched.

    Raises:
        NotFound: there is no such item.
        InvalidInput: naming what cannot be read or is out of range.
        StockMoved: the stock was changed, and orders have changed it too since it was looked at.
    """
    if update.stock is None or update.seen_stock is None:
        raise _bad("stock", gettext("库存应是 0 到 %(most)s 之间的整数。", most=MAX_STOCK))
    if update.price_fen is None:
        raise _bad("price", gettext("价格应大于零，最多两位小数。"))
    sku = set_price(session, actor, sku_code, update.price_fen)
    if update.stock != update.seen_stock:
        set_stock(session, actor, sku_code, update.stock, seen=update.seen_stock)
    set_listed(session, actor, sku.product_id, is_listed=update.is_listed)
    return sku


def _bad(field: str, message: str) -> InvalidInput:
    return InvalidInput(errors=(FieldError(field, message),))


def _lock(session: Session, demand: Mapping[str, int]) -> dict[str, Sku]:
    if bad := [code for code, packs in demand.items() if packs <= 0]:
        raise InvalidInput(errors=tuple(FieldError(code, gettext("数量必须大于零。")) for code in sorted(bad)))
    query = (
        sa.select(Sku)
        .where(Sku.code.in_(demand))
        .order_by(Sku.code)
        .options(joinedload(Sku.product, innerjoin=True).joinedload(Product.producer, innerjoin=True))
        .with_for_update(of=Sku)
        # What the session read before it had the lock may be stale.
        .execution_options(populate_existing=True)
    )
    found = {sku.code: sku for sku in session.scalars(query)}
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


def _locked_sku(session: Session, sku_code: str) -> Sku:
    # What the session read before it had the lock may be stale.
    sku = session.get(Sku, sku_code, with_for_update=True, populate_existing=True)
    if sku is None:
        raise NotFound(gettext("没有这种规格。"))
    return sku
