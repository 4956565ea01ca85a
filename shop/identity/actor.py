"""Who acts, and for which organisation. Pages know it from the session, the API only from the bearer token."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

import sqlalchemy as sa
from flask import g, request, session
from flask_login import current_user
from sqlalchemy.orm import Session, contains_eager

from shop.db import db, now
from shop.errors import NotAllowed, NotSignedIn
from shop.identity import tokens
from shop.identity.models import STAFF_ROLES, Membership, Organisation, Role, User
from shop.problems import is_api_request

P = ParamSpec("P")
R = TypeVar("R")

ORGANISATION_KEY = "organisation"
"""Where the session keeps the organisation that the person chose to act for."""


@dataclass(frozen=True)
class Actor:
    """A person, the organisation that the person acts for, and the roles that it gives."""

    user_id: UUID
    name: str
    email: str
    organisation_id: UUID | None = None
    organisation_code: str | None = None
    organisation_name: str | None = None
    partner_code: str | None = None
    channel_code: str | None = None
    roles: frozenset[Role] = frozenset()

    def has(self, *roles: Role) -> bool:
        """Tell whether at least one of `roles` is in force."""
        return not self.roles.isdisjoint(roles)

    @property
    def is_staff(self) -> bool:
        """Whether the person sees across organisations."""
        return self.has(*STAFF_ROLES)


def current_actor() -> Actor | None:
    """Return who acts in this request; None for a visitor. It is looked up once a request."""
    # The cache remembers its request: an application context may outlive one, as in tests and on the command line.
    cached = g.get("actor")
    if cached is not None and cached[0] is request.environ:
        known: Actor | None = cached[1]
        return known
    found = _actor_of_token() if is_api_request() else _actor_of_session()
    g.actor = (request.environ, found)
    return found


def forget_actor() -> None:
    """Look the actor up again when next asked: somebody signed in or out, or changed organisation."""
    g.pop("actor", None)


def require_actor() -> Actor:
    """Return who acts in this request.

    Raises:
        NotSignedIn: nobody does.
    """
    actor = current_actor()
    if actor is None:
        raise NotSignedIn
    return actor


def requires(*roles: Role) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let only people with one of `roles` into a view; without roles, everybody who is signed in."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            actor = require_actor()
            if roles and not actor.has(*roles):
                raise NotAllowed
            return view(*args, **kwargs)

        # Known to whatever stands above, which `wraps` copies it to.
        guarded.required_roles = roles  # type: ignore[attr-defined]  # a function's own attribute
        return guarded

    return decorate


def actor_for(session: Session, user: User, *, chosen: str | None = None) -> Actor:
    """Return `user` as an actor for the organisation `chosen` (an id as text), or for the first one joined."""
    memberships = session.scalars(
        sa.select(Membership)
        .join(Membership.organisation)
        .options(contains_eager(Membership.organisation))
        .where(Membership.user_id == user.id)
        .order_by(Membership.id)
    ).all()
    return _actor(user, memberships, chosen=chosen)


def _actor(user: User, memberships: Sequence[Membership], *, chosen: str | None = None) -> Actor:
    organisation = _organisation(memberships, chosen)
    if organisation is None:
        return Actor(user.id, user.name, user.email)
    return Actor(
        user_id=user.id,
        name=user.name,
        email=user.email,
        organisation_id=organisation.id,
        organisation_code=organisation.code,
        organisation_name=organisation.name,
        partner_code=organisation.partner_code,
        channel_code=organisation.channel_code,
        roles=frozenset(one.role for one in memberships if one.organisation_id == organisation.id),
    )


def organisations_of(session: Session, user_id: UUID) -> list[Organisation]:
    """Return the organisations for which a person may act, in the order of joining."""
    found = session.scalars(
        sa.select(Membership)
        .join(Membership.organisation)
        .options(contains_eager(Membership.organisation))
        .where(Membership.user_id == user_id)
        .order_by(Membership.id)
    )
    return list(dict.fromkeys(membership.organisation for membership in found))


def bearer_token() -> str | None:
    """Return the token of the `Authorization: Bearer` header; None without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _actor_of_session() -> Actor | None:
    user: Any = current_user
    if not user.is_authenticated or not user.is_active:
        return None
    return actor_for(db.session, user, chosen=session.get(ORGANISATION_KEY))


def _actor_of_token() -> Actor | None:
    token = bearer_token()
    user = tokens.resolve(db.session, token, at=now()) if token else None
    # Held for the request, so that the session need not read the row again when the use case wants it.
    g.user = user
    return _actor(user, user.memberships) if user else None


def _organisation(memberships: Sequence[Membership], chosen: str | None) -> Organisation | None:
    """Choose among the memberships only, so that a choice that ended, or was never one's own, has no effect."""
    for membership in memberships:
        if str(membership.organisation_id) == chosen:
            return membership.organisation
    return memberships[0].organisation if memberships else None
