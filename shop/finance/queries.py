"""Totals over the ledger, in the words of the registry. Every page, answer, file and command reads them here."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from flask import current_app
from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session

import ledger
from shop.config import Settings
from shop.db import db, now
from shop.errors import FieldError, InvalidInput, NotAllowed, NotFound
from shop.finance.knowledge import NOW, Known
from shop.finance.periods import Period
from shop.identity.actor import Actor
from shop.identity.models import Role
from shop.registry import queries as registry
from shop.registry.models import CountingRule
from shop.registry.queries import Names

TOTALS_READERS = (Role.FINANCE, Role.AUDITOR, Role.OPERATOR, Role.PARTNER_OFFICER)
LEDGER_READERS = (Role.FINANCE, Role.AUDITOR)

CODED = frozenset({"partner", "channel", "county", "prefecture", "category"})
"""Dimensions whose values have a name in the registry."""

Value = str | dict[str, str]


@dataclass(frozen=True)
class TotalsRow:
    """One row: `values` holds an object with code and name for a coded dimension, plain text for another."""

    values: dict[str, Value]
    codes: dict[str, str]
    amount_fen: int
    count: int


@dataclass(frozen=True)
class TotalsView:
    """Totals as of an instant, with the versions of the counting rules that hold in the period.

    `known` is the moment of knowledge that was asked for, `as_of` when the books were read.
    """

    book: str
    by: tuple[str, ...]
    period: Period
    rows: Sequence[TotalsRow]
    total_fen: int
    count: int
    as_of: datetime
    rules: Sequence[str]
    known: Known = NOW
    compared: "TotalsView | None" = None
    """The same of the period that it is compared with."""


def scope(actor: Actor, *, book: str = "aid") -> dict[str, str]:
    """Return the filter that the actor's role forces on totals: staff see all, an officer their own partner.

    Raises:
        NotAllowed: the actor may not see this book.
    """
    if actor.has(*LEDGER_READERS) or (book == "aid" and actor.has(Role.OPERATOR)):
        return {}
    if book == "aid" and actor.has(Role.PARTNER_OFFICER) and actor.partner_code is not None:
        return {"partner": actor.partner_code}
    raise NotAllowed(lazy_gettext("这本账只有财务和审计人员可以查看"))


def check_dimensions(book: str, by: Sequence[str]) -> None:
    """Refuse a book, or a dimension that the book does not have.

    Raises:
        InvalidInput: naming the field.
    """
    if book not in ledger.BOOKS:
        legal = ", ".join(ledger.BOOKS)
        raise InvalidInput(errors=(FieldError("book", gettext("没有这本账；可选：%(legal)s", legal=legal)),))
    legal = ", ".join(ledger.DIMENSIONS[book])
    for name in by:
        if name not in ledger.DIMENSIONS[book]:
            message = gettext("没有“%(name)s”这个维度；可选：%(legal)s", name=name, legal=legal)
            raise InvalidInput(errors=(FieldError("by", message),))


def totals(
    session: Session,
    *,
    book: str,
    by: Sequence[str],
    period: Period,
    where: Mapping[str, str] | None = None,
    known: Known = NOW,
) -> TotalsView:
    """Sum a book over a period by dimensions, as it stands or as it was known at an earlier moment.

    Raises:
        InvalidInput: there is no such book or dimension.
    """
    check_dimensions(book, by)
    found = ledger.totals(
        session, book=book, by=by, since=period.since, until=period.until, where=where, known_at=known.moment
    )
    names = registry.names(session)
    return TotalsView(
        book=book,
        by=tuple(dict.fromkeys(by)),
        period=period,
        rows=[
            TotalsRow(
                values={name: named(names, name, code) if name in CODED else code for name, code in row.key.items()},
                codes=row.key,
                amount_fen=row.amount_fen,
                count=row.count,
            )
            for row in found.rows
        ],
        total_fen=found.total_fen,
        count=found.count,
        as_of=now(),
        rules=rule_versions(session, period),
        known=known,
    )


def rule_versions(session: Session, period: Period) -> list[str]:
    """Return the versions of the counting rules that hold on some day of the period, the oldest first."""
    conditions = []
    if period.since is not None:
        conditions.append(sa.or_(CountingRule.until.is_(None), CountingRule.until > period.since))
    if period.last is not None:
        conditions.append(CountingRule.since <= period.last)
    query = sa.select(CountingRule.version).where(*conditions).order_by(CountingRule.since)
    return list(session.scalars(query))


def is_demo() -> bool:
    """Tell whether the figures are invented, so that whoever shows them says so."""
    settings: Settings = current_app.config["SETTINGS"]
    return settings.demo


def named(names: Names, dimension: str, code: str) -> dict[str, str]:
    """Return the registry's object for a code; the books may hold a code that the registry has lost."""
    try:
        return names.of(dimension, code)
    except NotFound:
        return {"code": code, "name": code}


@contextmanager
def snapshot() -> Iterator[Session]:
    """Give a session of its own in which all reads see the books at one instant, while others post."""
    with db.sessionmaker() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield session
