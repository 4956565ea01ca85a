"""What a totals page shows: a cut, a period, filters, a comparison, a moment. All of it stands in the address."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from flask_babel import lazy_gettext

from shop.config import BUSINESS_TIMEZONE
from shop.finance import knowledge, periods
from shop.finance.figures import comparison
from shop.finance.figures.comparison import Comparison
from shop.finance.knowledge import NOW, Known
from shop.finance.periods import Period, Preset

FILTERS = ("side", "partner", "mode", "channel", "prefecture", "county", "category", "pairing")
"""The dimensions whose value an address may demand. Months and years are periods."""

_MAX_CODE = 64
_DAYS_BEYOND = timedelta(days=31)


class Cut(enum.StrEnum):
    """The ways in which the page cuts the totals."""

    PARTNER = "partner"
    FLOW = "flow"
    COUNTY = "county"
    CATEGORY = "category"
    CHANNEL = "channel"
    MONTH = "month"


CUT_LABELS = {
    Cut.PARTNER: lazy_gettext("按帮扶方与方式"),
    Cut.FLOW: lazy_gettext("帮扶流向"),
    Cut.COUNTY: lazy_gettext("按产地县"),
    Cut.CATEGORY: lazy_gettext("按品类"),
    Cut.CHANNEL: lazy_gettext("按渠道"),
    Cut.MONTH: lazy_gettext("按月份"),
}
_DIMENSIONS: Mapping[Cut, tuple[str, ...]] = {
    Cut.PARTNER: ("partner", "mode"),
    Cut.FLOW: ("partner", "prefecture"),
    Cut.COUNTY: ("county",),
    Cut.CATEGORY: ("category",),
    Cut.CHANNEL: ("channel",),
    Cut.MONTH: ("month",),
}
_NARROW = frozenset({"partner", "prefecture", "county"})
"""With one of these given, the flow ends in counties, not in prefectures."""

_NEXT = {
    Cut.PARTNER: Cut.FLOW,
    Cut.FLOW: Cut.COUNTY,
    Cut.COUNTY: Cut.CATEGORY,
    Cut.CATEGORY: Cut.COUNTY,
    Cut.CHANNEL: Cut.PARTNER,
    Cut.MONTH: Cut.PARTNER,
}
"""What is asked next of a figure of each cut."""


@dataclass(frozen=True)
class Choice:
    """One view of the totals. Two addresses with the same choice show the same table."""

    cut: Cut = Cut.PARTNER
    preset: Preset = Preset.ALL
    period: Period = field(default_factory=Period)
    where: Mapping[str, str] = field(default_factory=dict)
    versus: Comparison | None = None
    known: Known = NOW

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What the rows are cut by, beside the side."""
        if self.cut is Cut.FLOW and not _NARROW.isdisjoint(self.where):
            return ("partner", "county")
        return _DIMENSIONS[self.cut]

    def as_query(self) -> dict[str, str]:
        """Return the view as parameters of an address; a named period stays named, so that it moves with the days."""
        days = self.period.as_query() if self.preset is Preset.CUSTOM else {"period": self.preset.value}
        versus = self.versus.as_query() if self.versus else {}
        return {"cut": self.cut.value, **days, **self.where, **versus, **self.known.as_query()}

    def fixed(self, as_of: datetime) -> dict[str, str]:
        """Return parameters that show the same figures tomorrow: the days, and what was known at this moment."""
        days = self.period.as_query() or {"period": Preset.ALL.value}
        versus = self.versus.as_query(is_fixed=True) if self.versus else {}
        moment = self.known.as_query() or {knowledge.FIELD: as_of.astimezone(BUSINESS_TIMEZONE).isoformat()}
        return {"cut": self.cut.value, **days, **self.where, **versus, **moment}

    def changed(self, **changes: object) -> dict[str, str]:
        """Return the address of this view with some of it another."""
        return replace(self, **changes).as_query()  # type: ignore[arg-type]  # a template names the fields

    def without(self, dimension: str) -> dict[str, str]:
        """Return the address of this view without one of its filters."""
        return self.changed(where={name: value for name, value in self.where.items() if name != dimension})

    def drilled(self, where: Mapping[str, str]) -> dict[str, str]:
        """Return the address of what one of this view's figures is made of."""
        wanted = {**self.where, **where}
        month = wanted.pop("month", None)
        if "partner" in where:
            wanted.pop("side", None)
        found = replace(self, cut=Cut.CATEGORY if "county" in wanted else _NEXT[self.cut], where=wanted)
        if month is not None:
            found = replace(found, preset=Preset.CUSTOM, period=_days_of(month, self.period), versus=None)
        return found.as_query()


def from_args(args: Mapping[str, str], *, today: date, at: datetime) -> Choice:
    """Read a view from a page's address; what it leaves out is the partners of the current year, as known now.

    Raises:
        InvalidInput: naming the parameter that makes no sense.
    """
    preset, period = periods.chosen(args, today=today)
    cut = args.get("cut", "")
    given = {name: args.get(name, "").strip()[:_MAX_CODE] for name in FILTERS}
    return Choice(
        cut=Cut(cut) if cut in set(Cut) else Cut.PARTNER,
        preset=preset,
        period=period,
        where={name: value for name, value in given.items() if value},
        versus=comparison.from_args(args, period),
        known=knowledge.read(args.get(knowledge.FIELD, ""), at=at),
    )


def _days_of(month: str, within: Period) -> Period:
    first = date.fromisoformat(f"{month}-01")
    last = (first + _DAYS_BEYOND).replace(day=1) - timedelta(days=1)
    return Period(max(first, within.since or first), min(last, within.last or last))
