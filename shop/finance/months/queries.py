"""How the months of the books stand, what each holds, and what keeps one from being closed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

import ledger
from ledger import PeriodChange, PeriodRow
from shop.finance.months import rules
from shop.identity.models import User
from shop.registry.queries import UNKNOWN_COUNTY


@dataclass(frozen=True)
class Month:
    """A month of a book. `total_fen` is the net of the assistance book; the cash book has none, it is zero always.

    `unknown` names the accounts without origin that are not zero by its end, `open_before` the months before it that
    hold something and are open.
    """

    row: PeriodRow
    total_fen: int | None
    is_over: bool
    unknown: tuple[str, ...]
    open_before: tuple[date, ...]

    @property
    def name(self) -> str:
        """The month as it is written: 2021-09."""
        return f"{self.row.month:%Y-%m}"

    @property
    def is_closed(self) -> bool:
        """Whether it is closed."""
        return self.row.state == "closed"

    @property
    def may_close(self) -> bool:
        """Whether nothing keeps it from being closed."""
        return self.is_over and not self.is_closed and not self.unknown

    @property
    def last_day(self) -> date:
        """Its last day."""
        return self.row.month.replace(day=(rules.after(self.row.month) - self.row.month).days)


def months(session: Session, book: str, *, today: date) -> list[Month]:
    """List the months of a book that hold something or were closed once, the newest first."""
    rows = ledger.periods(session, book=book)
    nets = _nets(session) if book == "aid" else None
    unknown = _unknown_origin(session) if book == "aid" else {}
    found: list[Month] = []
    open_before: list[date] = []
    balances: Counter[str] = Counter()
    for row in reversed(rows):
        balances.update(unknown.get(f"{row.month:%Y-%m}", {}))
        found.append(
            Month(
                row=row,
                total_fen=None if nets is None else nets.get(f"{row.month:%Y-%m}", 0),
                is_over=rules.is_over(row.month, today=today),
                unknown=tuple(sorted(code for code, left_fen in balances.items() if left_fen)),
                open_before=tuple(open_before),
            )
        )
        if row.state == "open":
            open_before.append(row.month)
    return found[::-1]


def month(session: Session, book: str, first_day: date, *, today: date) -> Month:
    """Return one month; one in which nothing ever happened is open and empty."""
    rows = months(session, book, today=today)
    for found in rows:
        if found.row.month == first_day:
            return found
    before = [one for one in rows if one.row.month < first_day]
    return Month(
        row=PeriodRow(book, first_day, "open", None, 0, 0, None, "", ""),
        total_fen=0 if book == "aid" else None,
        is_over=rules.is_over(first_day, today=today),
        unknown=before[0].unknown if before else (),
        open_before=tuple(one.row.month for one in reversed(before) if not one.is_closed),
    )


def changes(session: Session, book: str, first_day: date) -> Sequence[PeriodChange]:
    """Return the closings and reopenings of a month, the newest first."""
    return ledger.period_changes(session, book, first_day)[::-1]


def names(session: Session, emails: Iterable[str]) -> dict[str, str]:
    """Return the names of people by the address under which they closed a month."""
    wanted = {email for email in emails if email}
    if not wanted:
        return {}
    rows = session.execute(sa.select(User.email, User.name).where(User.email.in_(wanted)))
    return {row.email: row.name for row in rows}


def _nets(session: Session) -> Mapping[str, int]:
    return {row.key["month"]: row.amount_fen for row in ledger.totals(session, book="aid", by=("month",)).rows}


def _unknown_origin(session: Session) -> Mapping[str, Mapping[str, int]]:
    """Return what each month brought to the accounts without origin."""
    found: dict[str, dict[str, int]] = {}
    for row in ledger.totals(session, book="aid", by=("month", "category"), where={"county": UNKNOWN_COUNTY}).rows:
        account = ledger.county_account(UNKNOWN_COUNTY, row.key["category"])
        found.setdefault(row.key["month"], {})[account] = row.amount_fen
    return found
