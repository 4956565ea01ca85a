"""This period against that one: which days the other has, and by how much a figure changed."""

import calendar
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from flask_babel import gettext, lazy_gettext

from shop.errors import FieldError, InvalidInput
from shop.finance import periods
from shop.finance.periods import Period

FIELD = "vs"
_ONE_DAY = timedelta(days=1)
_MONTHS = 12
_PERCENT = 100
_PLACES = Decimal("0.1")


class Versus(enum.StrEnum):
    """What a period may be compared with."""

    PREVIOUS = "previous"
    LAST_YEAR = "last-year"
    CUSTOM = "custom"


VERSUS_LABELS = {
    Versus.PREVIOUS: lazy_gettext("上一期"),
    Versus.LAST_YEAR: lazy_gettext("去年同期"),
    Versus.CUSTOM: lazy_gettext("自选期间"),
}


@dataclass(frozen=True)
class Comparison:
    """The other period, and how it was asked for."""

    versus: Versus
    period: Period

    def as_query(self, *, is_fixed: bool = False) -> dict[str, str]:
        """Return the comparison as parameters of an address; fixed, by its days and not by its name."""
        if self.versus is not Versus.CUSTOM and not is_fixed:
            return {FIELD: self.versus.value}
        days = {f"{FIELD}_{name}": day for name, day in self.period.as_query().items()}
        return {FIELD: Versus.CUSTOM.value, **days}


def from_args(args: Mapping[str, str], period: Period) -> Comparison | None:
    """Read what a page's address compares its period with; None for nothing.

    Raises:
        InvalidInput: the days are wrong, or the period has no end to count from.
    """
    text = args.get(FIELD, "").strip()
    if not text:
        return None
    if text not in set(Versus):
        raise InvalidInput(errors=(FieldError(FIELD, gettext("没有这种对比方式")),))
    versus = Versus(text)
    if versus is Versus.CUSTOM:
        return Comparison(versus, _custom(args))
    if period.since is None or period.last is None:
        message = gettext("没有起止日期的期间无法对比上一期或去年同期，请先选定日期，或自选对比期间")
        raise InvalidInput(errors=(FieldError(FIELD, message),))
    shift = previous if versus is Versus.PREVIOUS else last_year
    since, last = shift(period.since, period.last)
    return Comparison(versus, periods.checked(since, last))


def previous(since: date, last: date) -> tuple[date, date]:
    """Return as many whole months before whole months, otherwise as many days before."""
    if since.day == 1 and (last + _ONE_DAY).day == 1:
        count = _month_number(last) - _month_number(since) + 1
        return _shifted(since, -count), since - _ONE_DAY
    return since - (last - since) - _ONE_DAY, since - _ONE_DAY


def last_year(since: date, last: date) -> tuple[date, date]:
    """Return the same days a year earlier; a month's last day stays its last."""
    is_month_end = (last + _ONE_DAY).day == 1
    end = _shifted(last, -_MONTHS)
    return _shifted(since, -_MONTHS), end.replace(day=_month_length(end)) if is_month_end else end


def month_offset(period: Period, other: Period) -> int:
    """Return how many months the other period lies later, so that its months stand beside those of the first."""
    if period.since is None or other.since is None:
        return 0
    return _month_number(other.since) - _month_number(period.since)


def shifted_month(month: str, by: int) -> str:
    """Return the month so many months later: 2021-11 and 3 give 2022-02."""
    year, number = divmod(int(month[:4]) * _MONTHS + int(month[5:]) - 1 + by, _MONTHS)
    return f"{year:04}-{number + 1:02}"


def change_percent(now_fen: int, before_fen: int) -> Decimal | None:
    """Return the change in percent of what was before, half up to one place; None where nothing was before."""
    if before_fen == 0:
        return None
    return (Decimal((now_fen - before_fen) * _PERCENT) / Decimal(abs(before_fen))).quantize(_PLACES, ROUND_HALF_UP)


def _custom(args: Mapping[str, str]) -> Period:
    ends = {name: args.get(f"{FIELD}_{name}", "") for name in ("from", "to")}
    try:
        period = periods.from_args(ends)
    except InvalidInput as error:
        errors = tuple(FieldError(f"{FIELD}_{one.field}", one.message) for one in error.errors)
        raise InvalidInput(errors=errors) from error
    if period.since is None or period.last is None:
        raise InvalidInput(errors=(FieldError(f"{FIELD}_from", gettext("请填写对比期间的起止日期")),))
    return period


def _month_number(day: date) -> int:
    return day.year * _MONTHS + day.month


def _month_length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _shifted(day: date, months: int) -> date:
    year, number = divmod(day.year * _MONTHS + day.month - 1 + months, _MONTHS)
    first = date(year, number + 1, 1)
    return first.replace(day=min(day.day, _month_length(first)))
