"""When a month may be closed, and how it is named."""

import re
from datetime import date

from flask_babel import gettext, lazy_gettext

import ledger
from shop.errors import FieldError, InvalidInput, NotFound, ShopError
from shop.finance.periods import EARLIEST_DAY, LATEST_DAY

MAX_REASON = 200
_MONTH = re.compile(r"[12]\d{3}-(?:0[1-9]|1[0-2])", re.ASCII)
_DECEMBER = 12


class MonthNotOver(ShopError):
    """The month that should be closed is not over."""

    code = "month-not-over"
    title = lazy_gettext("这个月还没有结束")


class MonthClosed(ShopError):
    """The month that should be closed is closed."""

    code = "month-closed"
    title = lazy_gettext("这个月已经结账")


class MonthOpen(ShopError):
    """The month that should be opened again is open."""

    code = "month-open"
    title = lazy_gettext("这个月没有结账")


class OriginUnknown(ShopError):
    """Assistance up to the month's end has no county of origin yet; `errors` names the accounts."""

    code = "unknown-origin"
    title = lazy_gettext("还有产地未查明的金额")


def checked_book(book: str) -> str:
    """Return the name of a book that exists.

    Raises:
        NotFound: there is none of this name.
    """
    if book not in ledger.BOOKS:
        raise NotFound(gettext("没有这本账"))
    return book


def read_month(text: str) -> date:
    """Read a month such as 2021-09 as its first day.

    Raises:
        InvalidInput: it is none, or lies beyond any calendar of ours.
    """
    if _MONTH.fullmatch(text):
        month = date.fromisoformat(f"{text}-01")
        if EARLIEST_DAY <= month <= LATEST_DAY:
            return month
    raise InvalidInput(errors=(FieldError("month", gettext("月份应写成 2021-09 的样子")),))


def after(month: date) -> date:
    """Return the first day of the next month."""
    if month.month == _DECEMBER:
        return month.replace(year=month.year + 1, month=1)
    return month.replace(month=month.month + 1)


def is_over(month: date, *, today: date) -> bool:
    """Tell whether the last day of a month has passed."""
    return after(month) <= today


def checked_reason(reason: str) -> str:
    """Return the reason for opening a month again, without blanks around it.

    Raises:
        InvalidInput: there is none.
    """
    stripped = reason.strip()
    if not stripped:
        raise InvalidInput(errors=(FieldError("reason", gettext("请写明理由。")),))
    return stripped
