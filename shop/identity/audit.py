"""The audit trail: who did what to what."""

import enum
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from shop.identity.actor import Actor
from shop.identity.models import AuditEvent


def record(session: Session, actor: Actor | None, *, action: str, subject: str, **detail: object) -> None:
    """Add one event to the caller's transaction, so that it is stored with the change or not at all.

    Args:
        session: the session of the change.
        actor: who did it; None for the system itself and for an operator at the command line.
        action: what was done, such as `sale.confirmed`.
        subject: what it was done to, such as `sale:2026-00017`.
        detail: what an auditor needs beside that; never a password or a token.
    """
    session.add(
        AuditEvent(
            user_id=actor.user_id if actor else None,
            organisation_id=actor.organisation_id if actor else None,
            action=action,
            subject=subject,
            detail={name: _plain(value) for name, value in detail.items()},
        )
    )


def _plain(value: object) -> Any:  # noqa: ANN401  # whatever JSON can hold
    """Turn what services pass into what JSON can hold; a number that JSON would round becomes text."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if isinstance(value, enum.Enum):
        return _plain(value.value)
    return str(value) if isinstance(value, UUID | Decimal | date) else value
