"""Objects for tests: one call each, overriding only what matters. Everything is committed."""

import re
import time
from itertools import count
from typing import Any

import sqlalchemy as sa
from flask.testing import FlaskClient
from flask_security import hash_password
from sqlalchemy.orm import Session

import ledger
from shop.catalogue.models import Sku
from shop.db import now, transaction
from shop.identity import tokens
from shop.identity.models import STAFF_ROLES, Membership, Organisation, OrganisationKind, Role, User
from shop.identity.signin import sessions

PASSWORD = "correct horse battery"

SHIP_TO = {"name": "李梅", "phone": "13800000000", "region_code": "120000", "address": "河西区友谊路 1 号"}

_serial = count(1)


def organisation(session: Session, **overrides: Any) -> Organisation:
    """Make an organisation: a purchaser without partner or credit unless told otherwise."""
    number = next(_serial)
    values = {"code": f"org-{number}", "name": f"第{number}单位", "kind": OrganisationKind.PURCHASER} | overrides
    made = Organisation(**values)
    session.add(made)
    session.commit()
    return made


def user(
    session: Session, *, role: Role | None = None, organisation: Organisation | None = None, **overrides: Any
) -> User:
    """Make a user; with `role`, a member of `organisation` or of a fitting new one."""
    number = next(_serial)
    values = {
        "email": f"user{number}@example.com",
        "name": f"用户{number}",
        "password": hash_password(PASSWORD),
        "fs_uniquifier": f"uniquifier-{number}",
        "confirmed_at": now(),
    } | overrides
    made = User(**values)
    session.add(made)
    session.flush()
    if role is not None:
        home = organisation or _home(session, role)
        session.add(Membership(user_id=made.id, organisation_id=home.id, role=role))
    session.commit()
    return made


def _home(session: Session, role: Role) -> Organisation:
    if role in STAFF_ROLES:
        return organisation(session, kind=OrganisationKind.PLATFORM)
    if role is Role.PARTNER_OFFICER:
        return organisation(session, kind=OrganisationKind.PARTNER, partner_code="120000")
    return canteen(session)


def canteen(session: Session, *, credit_limit_fen: int = 10_000_00, **overrides: Any) -> Organisation:
    """Make the canteen of a central unit, with credit."""
    values = {"partner_code": "C-nea", "channel_code": "canteen", "credit_limit_fen": credit_limit_fen} | overrides
    return organisation(session, **values)


def bearer(session: Session, who: User) -> dict[str, str]:
    """Return the headers of an API request by `who`."""
    token, _ = tokens.make(session, who.id, at=now())
    session.commit()
    return {"Authorization": f"Bearer {token}"}


def sign_in(client: FlaskClient, who: User, password: str = PASSWORD) -> None:
    """Sign `who` in through the login page; a person who lacks the second factor of staff, past it."""
    page = client.get("/login").get_data(as_text=True)
    answer = client.post("/login", data={"email": who.email, "password": password, "csrf_token": csrf_token(page)})
    assert answer.status_code in {302, 303}, answer.get_data(as_text=True)
    if answer.location.startswith("/tf-setup"):
        with client.application.app_context(), transaction() as session:
            begun = sessions.start(session, who, address="127.0.0.1", agent="", at=now())
        with client.session_transaction() as cookie:
            cookie.clear()
            known = {"_user_id": who.fs_uniquifier, "_fresh": True, "fs_paa": time.time()}
            cookie.update(known | {sessions.KEY: str(begun.id)})


def csrf_token(page: str) -> str:
    """Return the token of the first form on a page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found is not None, page
    return found.group(1)


def stock(session: Session, sku_code: str = "GS001-1", *, packs: int = 100) -> Sku:
    """Put an item of the reference data on the shelf."""
    item = session.scalars(sa.select(Sku).where(Sku.code == sku_code)).one()
    item.stock = packs
    session.commit()
    return item


def order_request(*lines: tuple[str, int], payment_method: str = "bank_transfer", **extra: Any) -> dict[str, Any]:
    """Return the body of `POST /orders`."""
    return {
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines or (("GS001-1", 1),)],
        "ship_to": SHIP_TO,
        "payment_method": payment_method,
    } | extra


def key() -> str:
    """Return an idempotency key that nobody used."""
    return f"test-{ledger.uuid7()}"
