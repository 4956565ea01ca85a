"""Reading off-platform sales: what an actor may see, and the rows behind the pages."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext
from sqlalchemy.orm import Session, selectinload

from shop.assistance.models import UNKNOWN_COUNTY, Sale, SaleStatus
from shop.assistance.rules import KnownCodes
from shop.db import Page
from shop.errors import NotAllowed, NotFound
from shop.identity.actor import Actor
from shop.identity.models import AuditEvent, Role, User
from shop.registry import queries as registry

READERS = (Role.PARTNER_OFFICER, Role.OPERATOR, Role.FINANCE, Role.AUDITOR)


@dataclass(frozen=True)
class SalePage(Page[Sale]):
    """One page of a list of sales, newest report first, with the sum of all."""

    total_fen: int


@dataclass(frozen=True)
class Step:
    """One thing that happened to a sale: who, when, and what they said about it."""

    action: str
    at: datetime
    by: str
    reason: str


def the_sale(actor: Actor, reference: str) -> sa.Select[Sale]:
    """Return the query for one sale with its evidence, if the actor may see it."""
    return sa.select(Sale).where(Sale.reference == reference, visible_to(actor)).options(selectinload(Sale.evidence))


def visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """Return the condition for the sales that the actor may see: staff all, an officer those of their own partner."""
    if actor.is_staff:
        return sa.true()
    if actor.has(Role.PARTNER_OFFICER) and actor.partner_code is not None:
        return Sale.partner_code == actor.partner_code
    return sa.false()


def sale(session: Session, actor: Actor, reference: str) -> Sale:
    """Return one sale with its evidence.

    Raises:
        NotFound: there is none, or it is another partner's.
    """
    found = session.scalars(the_sale(actor, reference)).one_or_none()
    if found is None:
        raise NotFound
    return found


def sales(
    session: Session,
    actor: Actor,
    *,
    status: SaleStatus | None = None,
    partner: str | None = None,
    page: int = 1,
    page_size: int = 20,
) -> SalePage:
    """Return one page of the sales that the actor may see.

    Raises:
        NotAllowed: an officer asks for another partner's.
    """
    if partner is not None and not actor.is_staff and partner != actor.partner_code:
        raise NotAllowed(lazy_gettext("只能查看自己所属帮扶方的销售"))
    conditions = [visible_to(actor)]
    if status is not None:
        conditions.append(Sale.status == status)
    if partner is not None:
        conditions.append(Sale.partner_code == partner)
    count, total_fen = session.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(Sale.amount_fen), 0)).where(*conditions)
    ).one()
    items = session.scalars(
        sa.select(Sale)
        .where(*conditions)
        .options(selectinload(Sale.evidence))
        .order_by(Sale.reported_at.desc(), Sale.id.desc())
        .limit(page_size)
        .offset((page - 1) * page_size)
    )
    return SalePage(list(items), count, page, page_size, int(total_fen))


def timeline(session: Session, sale: Sale) -> list[Step]:
    """Return what happened to a sale, oldest first, from the audit trail."""
    rows = session.execute(
        sa.select(AuditEvent.action, AuditEvent.at, AuditEvent.detail, User.name)
        .outerjoin(User, User.id == AuditEvent.user_id)
        .where(AuditEvent.subject == sale.entry_key)
        .order_by(AuditEvent.at, AuditEvent.id)
    )
    return [Step(row.action, row.at, row.name or "", _reason(row.detail)) for row in rows]


def known_codes(session: Session, *, on: date) -> KnownCodes:
    """Return the codes that a sale of that day may name; the county may also be unknown."""
    return KnownCodes(
        partners=frozenset(partner.code for partner in registry.partners(session)),
        channels=frozenset(channel.code for channel in registry.channels(session, on=on)),
        counties=frozenset(county.code for county in registry.counties(session)) | {UNKNOWN_COUNTY},
        categories=frozenset(category.code for category in registry.categories(session)),
    )


def _reason(detail: dict[str, Any]) -> str:
    return str(detail.get("reason", ""))


_ACCOUNT_PARTS = {"partner": ("partner", "mode", "channel"), "county": ("county", "category")}


def account_in_words(names: registry.Names, code: str) -> str:
    """Return an account of the assistance book in words; a part that the registry has lost stays a code."""
    kind, *parts = code.split(":")
    known = zip(_ACCOUNT_PARTS[kind], parts, strict=True)
    return " · ".join(names.rows.get((name, part), {"name": part})["name"] for name, part in known)
