"""What the books said at an earlier moment (截至何时已知), as people name it: a day stands for its end in China."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from flask_babel import gettext

from shop.config import BUSINESS_TIMEZONE
from shop.db import business_day
from shop.errors import FieldError, InvalidInput
from shop.finance.periods import EARLIEST_DAY, LATEST_DAY
from shop.web import format_instant

FIELD = "known_at"
_DAY_LENGTH = len("2021-10-15")


@dataclass(frozen=True)
class Known:
    """A moment of knowledge: only what was posted before it. Without one, everything that is posted by now.

    `text` is the moment as it was asked for: a day, or an instant with its zone.
    """

    moment: datetime | None = None
    text: str = ""

    @property
    def day(self) -> str:
        """The moment's day in China, for a date field."""
        if self.moment is None or len(self.text) == _DAY_LENGTH:
            return self.text
        return business_day(self.moment).isoformat()

    @property
    def label(self) -> str:
        """The moment in words; nothing for now."""
        if self.moment is None:
            return ""
        if len(self.text) == _DAY_LENGTH:
            return str(gettext("%(day)s 日终", day=self.text))
        return format_instant(self.moment)

    def as_query(self) -> dict[str, str]:
        """Return the moment as parameters of an address."""
        return {FIELD: self.text} if self.text else {}


NOW = Known()


def read(text: str, *, at: datetime) -> Known:
    """Read a day such as 2021-10-15, or an instant such as 2021-10-15T18:00:00+08:00; nothing means now.

    Args:
        at: this instant; what will be known later, nobody can say.

    Raises:
        InvalidInput: it is neither, has no zone, or lies in the future.
    """
    text = text.strip()
    if not text:
        return NOW
    try:
        known, begins_at = _day(text) if len(text) == _DAY_LENGTH else _instant(text)
    except ValueError as error:
        message = gettext("应写成 2021-10-15 这样的日期，或 2021-10-15T10:00:00Z 这样带时区的时刻")
        raise InvalidInput(errors=(FieldError(FIELD, message),)) from error
    if begins_at > at:
        raise InvalidInput(errors=(FieldError(FIELD, gettext("不能晚于现在：以后知道什么，现在无从得知")),))
    return known


def _day(text: str) -> tuple[Known, datetime]:
    day = _checked(date.fromisoformat(text))
    begins_at, ends_at = (datetime.combine(day + timedelta(days=n), time(), BUSINESS_TIMEZONE) for n in (0, 1))
    return Known(ends_at, day.isoformat()), begins_at


def _instant(text: str) -> tuple[Known, datetime]:
    moment = datetime.fromisoformat(text)
    _checked(moment.date())
    if moment.tzinfo is None:
        raise ValueError(text)
    return Known(moment, moment.isoformat()), moment


def _checked(day: date) -> date:
    if not EARLIEST_DAY <= day <= LATEST_DAY:
        raise ValueError(day)
    return day
