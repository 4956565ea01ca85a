"""Closing a month and opening it again. Runs in the caller's database transaction and never commits."""

from datetime import date

from flask_babel import gettext
from sqlalchemy.orm import Session

import ledger
from shop.errors import FieldError
from shop.finance.months import rules
from shop.finance.months.rules import MonthClosed, MonthNotOver, MonthOpen, OriginUnknown
from shop.identity import audit
from shop.identity.actor import Actor

COMMAND_LINE = "command line"
"""Who answers for what an operator does at the command line without naming anybody."""


def close_month(
    session: Session, actor: Actor | None, book: str, month: date, *, today: date, reason: str = ""
) -> None:
    """Close a month of a book, and seal all that is posted, so that the head covers the month.

    Waits for those who are posting into it. From then on what comes late counts in the first open month.

    Raises:
        MonthNotOver: its last day has not passed.
        MonthClosed: it is closed.
        OriginUnknown: assistance up to its end has no county of origin; names the accounts.
    """
    if not rules.is_over(month, today=today):
        raise MonthNotOver(gettext("%(month)s 结束之后才能结账。", month=f"{month:%Y-%m}"))
    # Most of it before the month's lock makes others wait, the rest when nobody posts into the month any more.
    _seal(session)
    try:
        closed = ledger.close_month(session, book, month, by=_name(actor), reason=reason.strip())
    except ledger.AlreadyClosed as error:
        raise MonthClosed(gettext("%(month)s 已经结账；要改动，请先重新打开。", month=f"{month:%Y-%m}")) from error
    except ledger.UnknownOrigin as error:
        raise OriginUnknown(
            gettext("截至月末，这些科目的余额须为零：%(accounts)s。", accounts="、".join(error.accounts)),
            errors=tuple(FieldError("account", code) for code in error.accounts),
        ) from error
    _seal(session)
    head = ledger.head(session)
    audit.record(
        session,
        actor,
        action="period.closed",
        subject=_subject(book, month),
        reason=reason.strip(),
        entries=closed.entries,
        transfers=closed.transfers,
        turnover_fen=closed.turnover_fen,
        head=f"{head.seq}:{head.hash.hex()}",
    )


def reopen_month(session: Session, actor: Actor | None, book: str, month: date, *, reason: str) -> None:
    """Open a closed month again, with the reason.

    Raises:
        MonthOpen: it is open.
        InvalidInput: there is no reason.
    """
    reason = rules.checked_reason(reason)
    try:
        ledger.reopen_month(session, book, month, by=_name(actor), reason=reason)
    except ledger.NotClosed as error:
        raise MonthOpen(gettext("%(month)s 没有结账，不需要重新打开。", month=f"{month:%Y-%m}")) from error
    audit.record(session, actor, action="period.reopened", subject=_subject(book, month), reason=reason)


def _seal(session: Session) -> None:
    while ledger.seal(session).count:
        pass


def _name(actor: Actor | None) -> str:
    return actor.email if actor is not None else COMMAND_LINE


def _subject(book: str, month: date) -> str:
    return f"period:{book}:{month:%Y-%m}"
