"""The demo's organisations and people."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.db import now
from shop.identity import service
from shop.identity.actor import Actor, actor_for
from shop.identity.models import Organisation, OrganisationKind, Role, User
from shop.identity.service import OrganisationDraft

ORGANISATIONS = (
    OrganisationDraft("demo-platform", "甘味平台运营中心（演示）", OrganisationKind.PLATFORM),
    OrganisationDraft(
        "demo-nea-canteen",
        "国家能源局机关食堂（演示）",
        OrganisationKind.PURCHASER,
        partner_code="C-nea",
        channel_code="canteen",
        credit_limit_fen=200_000_00,
    ),
    OrganisationDraft(
        "demo-tianjin", "天津市对口支援工作办公室（演示）", OrganisationKind.PARTNER, partner_code="120000"
    ),
)

PEOPLE: tuple[tuple[str, str, str | None, Role | None], ...] = (
    ("buyer", "李梅", None, None),
    ("canteen", "王建国", "demo-nea-canteen", Role.CANTEEN),
    ("tianjin", "张海燕", "demo-tianjin", Role.PARTNER_OFFICER),
    ("operator", "马晓兰", "demo-platform", Role.OPERATOR),
    ("finance", "赵立新", "demo-platform", Role.FINANCE),
    ("auditor", "陈思远", "demo-platform", Role.AUDITOR),
)


@dataclass(frozen=True)
class Cast:
    """The demo's people as actors, by the first part of their address."""

    buyer: Actor
    canteen: Actor
    tianjin: Actor
    operator: Actor
    finance: Actor
    auditor: Actor


def load(session: Session) -> Cast | None:
    """Make organisations and people; None when they are there already."""
    if session.scalar(sa.select(User.id).where(User.email == _address("buyer"))):
        return None
    organisations: dict[str, Organisation] = {}
    for draft in ORGANISATIONS:
        organisations[draft.code] = service.create_organisation(session, None, draft)
        organisations[draft.code].is_demo = True
    actors: dict[str, Actor] = {}
    for login, name, home, role in PEOPLE:
        user = service.create_user(session, None, email=_address(login), name=name, password=service.DEMO_PASSWORD)
        user.is_demo = True
        if home is not None and role is not None:
            service.add_membership(session, None, user=user, organisation=organisations[home], role=role, at=now())
        session.flush()  # the actor is read back from the tables
        actors[login] = actor_for(session, user)
    return Cast(**actors)


def _address(login: str) -> str:
    return f"{login}@demo.ganwei.test"
