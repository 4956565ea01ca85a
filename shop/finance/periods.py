"""Ranges of business days, as people name them: both ends included."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from flask_babel import gettext, lazy_gettext

from shop.errors import FieldError, InvalidInput

EARLIEST_DAY = date(1949, 10, 1)
LATEST_DAY = date(2999, 12, 31)
_ONE_DAY = timedelta(days=1)
_QUARTER_MONTHS = 3


class Preset(enum.StrEnum):
    """The periods that the chooser offers."""

    YEAR = "year"
    QUARTER = "quarter"
    MONTH = "month"
    LAST_MONTH = "last-month"
    BRIEFING_2021 = "2021-09"
    ALL = "all"
    CUSTOM = "custom"


PRESET_LABELS = {
    Preset.YEAR: lazy_gettext("本年"),
    Preset.QUARTER: lazy_gettext("本季度"),
    Preset.MONTH: lazy_gettext("本月"),
    Preset.LAST_MONTH: lazy_gettext("上月"),
    Preset.BRIEFING_2021: lazy_gettext("2021年1–9月"),
    Preset.ALL: lazy_gettext("全部"),
    Preset.CUSTOM: lazy_gettext("自定义"),
}


@dataclass(frozen=True)
class Period:
    """The days from `since` to `last`, both included; None leaves that end open."""

    since: date | None = None
    last: date | None = None

    @property
    def until(self) -> date | None:
        """The first day after the period, as the ledger counts."""
        return None if self.last is None else self.last + _ONE_DAY

    @property
    def label(self) -> str:
        """The period in words: "2021-01-01 至 2021-09-30"."""
        if self.since is None and self.last is None:
            return str(gettext("全部日期"))
        since = self.since.isoformat() if self.since else gettext("最早")
        last = self.last.isoformat() if self.last else gettext("最近")
        return str(gettext("%(since)s 至 %(last)s", since=since, last=last))

    def as_query(self) -> dict[str, str]:
        """Return the period as parameters of an address."""
        ends = {"from": self.since, "to": self.last}
        return {name: day.isoformat() for name, day in ends.items() if day is not None}


BRIEFING_2021 = Period(date(2021, 1, 1), date(2021, 9, 30))
"""What the briefing of October 2021 covers: that year, up to the end of September."""


def checked(since: date | None, last: date | None) -> Period:
    """Return the period between two days.

    Raises:
        InvalidInput: it ends before it begins, or lies beyond any calendar of ours.
    """
    for field, day in (("from", since), ("to", last)):
        if day is not None and not EARLIEST_DAY <= day <= LATEST_DAY:
            raise InvalidInput(errors=(FieldError(field, gettext("日期超出范围")),))
    if since is not None and last is not None and last < since:
        raise InvalidInput(errors=(FieldError("to", gettext("截止日期不能早于开始日期")),))
    return Period(since, last)


def from_args(args: Mapping[str, str]) -> Period:
    """Read the parameters `from` and `to` of a page's address.

    Raises:
        InvalidInput: one is no day, or the period ends before it begins.
    """
    return checked(_day(args, "from"), _day(args, "to"))


def chosen(args: Mapping[str, str], *, today: date) -> tuple[Preset, Period]:
    """Read the chooser: a preset by its name, otherwise the two days, otherwise the current year.

    Raises:
        InvalidInput: the days are wrong.
    """
    name = args.get("period", "")
    preset = Preset(name) if name in set(Preset) else None
    if preset in {None, Preset.CUSTOM} and (args.get("from") or args.get("to")):
        return Preset.CUSTOM, from_args(args)
    if preset in {None, Preset.CUSTOM}:
        preset = Preset.YEAR
    return preset, preset_period(preset, today=today)


def preset_period(preset: Preset, *, today: date) -> Period:
    """Return the days of a preset other than the custom one."""
    if preset is Preset.BRIEFING_2021:
        return BRIEFING_2021
    if preset is Preset.LAST_MONTH:
        last = today.replace(day=1) - _ONE_DAY
        return Period(last.replace(day=1), last)
    first_months = {
        Preset.YEAR: 1,
        Preset.QUARTER: today.month - (today.month - 1) % _QUARTER_MONTHS,
        Preset.MONTH: today.month,
    }
    month = first_months.get(preset)
    return Period() if month is None else Period(today.replace(month=month, day=1), today)


def _day(args: Mapping[str, str], field: str) -> date | None:
    text = args.get(field, "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(errors=(FieldError(field, gettext("日期应写成 2021-09-30 的样子")),)) from error
