"""Keeping the address book. One of a person's addresses is the default, as long as there is any."""

from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext
from sqlalchemy.orm import Session

from shop.errors import FieldError, InvalidInput, NotFound
from shop.identity import audit
from shop.identity.actor import Actor
from shop.identity.models import User
from shop.orders.addresses.models import SavedAddress
from shop.orders.service import ShipTo

MAX_ADDRESSES = 20


def addresses(session: Session, actor: Actor) -> list[SavedAddress]:
    """Return the actor's own addresses, the default first, then the newest."""
    return list(
        session.scalars(
            sa.select(SavedAddress)
            .where(SavedAddress.user_id == actor.user_id)
            .order_by(SavedAddress.is_default.desc(), SavedAddress.id.desc())
        )
    )


def address(session: Session, actor: Actor, address_id: UUID) -> SavedAddress:
    """Return one of the actor's own addresses.

    Raises:
        NotFound: the actor has no such address.
    """
    found = session.get(SavedAddress, address_id)
    if found is None or found.user_id != actor.user_id:
        raise NotFound(gettext("没有这个地址。"))
    return found


def chosen(session: Session, actor: Actor, address_id: str) -> SavedAddress | None:
    """Return the actor's own address of this id; for anything else the default, if there is one."""
    known = addresses(session, actor)
    return next((one for one in known if str(one.id) == address_id), known[0] if known else None)


def save(
    session: Session, actor: Actor, ship_to: ShipTo, *, address_id: UUID | None = None, as_default: bool
) -> SavedAddress:
    """Add an address, or change the one named. The first is the default; the same again is not added again.

    Raises:
        NotFound: the actor has no such address.
        InvalidInput: the book is full.
    """
    known = _locked(session, actor)
    saved = next((one for one in known if one.id == address_id or (not address_id and _is_same(one, ship_to))), None)
    if saved is None:
        if address_id is not None:
            raise NotFound(gettext("没有这个地址。"))
        if len(known) >= MAX_ADDRESSES:
            message = gettext("最多保存 %(most)d 个地址，请先删除不用的。", most=MAX_ADDRESSES)
            raise InvalidInput(errors=(FieldError("address", message),))
        saved = SavedAddress(user_id=actor.user_id, is_default=False)
    saved.recipient, saved.phone = ship_to.name, ship_to.phone
    saved.region_code, saved.address = ship_to.region_code, ship_to.address
    session.add(saved)
    session.flush()
    if as_default or not known:
        _make_default(session, known, saved)
    audit.record(session, actor, action="address.saved", subject=f"user:{actor.email}", id=saved.id)
    return saved


def remove(session: Session, actor: Actor, address_id: UUID) -> None:
    """Remove an address. Was it the default, the newest of the others is.

    Raises:
        NotFound: the actor has no such address.
    """
    known = _locked(session, actor)
    gone = next((one for one in known if one.id == address_id), None)
    if gone is None:
        raise NotFound(gettext("没有这个地址。"))
    session.delete(gone)
    session.flush()
    left = [one for one in known if one is not gone]
    if gone.is_default and left:
        _make_default(session, left, left[0])
    audit.record(session, actor, action="address.removed", subject=f"user:{actor.email}", id=address_id)


def _locked(session: Session, actor: Actor) -> list[SavedAddress]:
    """Return the actor's addresses; who changes them at the same moment waits for the person's row."""
    session.execute(sa.select(User.id).where(User.id == actor.user_id).with_for_update(key_share=True))
    return addresses(session, actor)


def _make_default(session: Session, known: list[SavedAddress], chosen: SavedAddress) -> None:
    for one in known:
        one.is_default = False
    session.flush()  # the index allows one default at any moment
    chosen.is_default = True


def _is_same(saved: SavedAddress, ship_to: ShipTo) -> bool:
    return ShipTo(saved.recipient, saved.phone, saved.region_code, saved.address) == ship_to
