"""What an operator sets of an item: its stock with the reason, its price, whether it is listed."""

from dataclasses import dataclass

from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session

from shop.catalogue.models import Product, Sku, StockMovement, StockReason
from shop.errors import FieldError, InvalidInput, NotFound, ShopError
from shop.identity import audit
from shop.identity.actor import Actor

MAX_STOCK = 10_000_000
MAX_PRICE_FEN = 100_000_000_00
MAX_NOTE = 200

OPERATOR_REASONS = (StockReason.COUNTED, StockReason.RECEIVED, StockReason.DAMAGED, StockReason.OTHER)
"""What an operator may give as the reason of a correction; the others are what orders do by themselves."""


class StockMoved(ShopError):
    """The stock changed between the operator's look and the operator's answer."""

    code = "stock-moved"
    title = lazy_gettext("库存已变动")


@dataclass(frozen=True)
class Correction:
    """Why an operator changes the number on a shelf. `note` must say it where no reason of the list does."""

    reason: StockReason = StockReason.COUNTED
    note: str = ""


@dataclass(frozen=True)
class ItemUpdate:
    """What an operator's form says of one item; None stands for what could not be read."""

    stock: int | None
    seen_stock: int | None
    price_fen: int | None
    is_listed: bool
    correction: Correction = Correction()


def set_stock(
    session: Session,
    actor: Actor,
    sku_code: str,
    stock: int,
    *,
    seen: int | None = None,
    correction: Correction = Correction(),
) -> Sku:
    """Set how many packs are on the shelf, without those that orders hold, and say why.

    Args:
        session: the caller's; it is not committed.
        actor: who sets it, for the audit trail.
        sku_code: the item.
        stock: the new number of packs.
        seen: the number that the operator looked at; given, it must still be the number on the shelf.
        correction: the reason, for the history of the item.

    Raises:
        NotFound: there is no such item.
        InvalidInput: the number is negative or absurd, or the reason is none of an operator's or not explained.
        StockMoved: orders have changed the number since it was looked at.
    """
    if not 0 <= stock <= MAX_STOCK:
        raise _bad("stock", gettext("库存应是 0 到 %(most)s 之间的整数。", most=MAX_STOCK))
    _check_correction(correction)
    sku = _locked_sku(session, sku_code)
    if seen is not None and sku.stock != seen:
        raise StockMoved(
            gettext("查看后库存已由 %(seen)s 变为 %(left)s，请按最新数字重新填写。", seen=seen, left=sku.stock)
        )
    if sku.stock != stock:
        audit.record(
            session,
            actor,
            action="stock.set",
            subject=f"sku:{sku_code}",
            old=sku.stock,
            new=stock,
            reason=correction.reason,
            note=correction.note,
        )
        movement = StockMovement(
            sku_code=sku_code,
            change=stock - sku.stock,
            stock_after=stock,
            reason=correction.reason,
            note=correction.note,
            user_id=actor.user_id,
        )
        session.add(movement)
        sku.stock = stock
        session.flush()
    return sku


def set_low_stock(session: Session, actor: Actor, sku_code: str, packs: int) -> Sku:
    """Set from how few packs on the item is on the list of what runs low.

    Raises:
        NotFound: there is no such item.
        InvalidInput: the number is negative or absurd.
    """
    if not 0 <= packs <= MAX_STOCK:
        raise _bad("low_stock_at", gettext("提醒数量应是 0 到 %(most)s 之间的整数。", most=MAX_STOCK))
    sku = _locked_sku(session, sku_code)
    if sku.low_stock_at != packs:
        audit.record(session, actor, action="stock.alert", subject=f"sku:{sku_code}", old=sku.low_stock_at, new=packs)
        sku.low_stock_at = packs
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
        set_stock(session, actor, sku_code, update.stock, seen=update.seen_stock, correction=update.correction)
    set_listed(session, actor, sku.product_id, is_listed=update.is_listed)
    return sku


def _bad(field: str, message: str) -> InvalidInput:
    return InvalidInput(errors=(FieldError(field, message),))


def _check_correction(correction: Correction) -> None:
    if correction.reason not in OPERATOR_REASONS:
        raise _bad("reason", gettext("请选择库存变动的原因。"))
    if correction.reason is StockReason.OTHER and not correction.note:
        raise _bad("note", gettext("原因选“其他”时，请写明说明。"))
    if len(correction.note) > MAX_NOTE:
        raise _bad("note", gettext("说明最多 %(most)s 字。", most=MAX_NOTE))


def _locked_sku(session: Session, sku_code: str) -> Sku:
    # What the session read before it had the lock may be stale.
    sku = session.get(Sku, sku_code, with_for_update=True, populate_existing=True)
    if sku is None:
        raise NotFound(gettext("没有这种规格。"))
    return sku
