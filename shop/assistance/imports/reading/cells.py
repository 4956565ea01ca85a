"""One cell's text as an amount, a quantity, a day: exactly, or with the reason why not."""

import re
import unicodedata
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

from flask_babel import gettext

import ledger

_CURRENCY = re.compile(r"^(?:¥|rmb|cny)\s*|\s*(?:元|人民币)$", re.IGNORECASE)
_AMOUNT = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d{1,16})(?:\.\d+)?", re.ASCII)
_QUANTITY = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{1,15})?", re.ASCII)
_FEN = re.compile(r"\d{1,16}", re.ASCII)
_DAY = re.compile(
    r"(\d{4})\s*([-/.年])\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?", re.ASCII
)
_COMPACT_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\.0)?", re.ASCII)
_SERIAL_DAY = re.compile(r"([2-9]\d{4})(?:\.\d+)?", re.ASCII)
_SERIAL_EPOCH = date(1899, 12, 30)
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?e\+?\d+", re.ASCII | re.IGNORECASE)
_PAPER_SEPARATORS = re.compile(r"[;；、\n]+")


class CellError(ValueError):
    """The text is not what its column asks for; the message says why, for the reader."""


def plain(text: str) -> str:
    """Return a text with full-width signs made plain."""
    return unicodedata.normalize("NFKC", text).strip()


def amount_fen(text: str) -> int:
    """Read an amount in yuan: "1,234.50", "¥１２３４．５", "1234.5元".

    Raises:
        CellError: it is none, or has fractions of a fen.
    """
    number = _CURRENCY.sub("", plain(text)).replace("−", "-")
    if _AMOUNT.fullmatch(number) is None:
        raise CellError(gettext("请填写金额，单位元，如 1234.50"))
    whole, _, places = number.partition(".")
    if len(places.rstrip("0")) > 2:  # noqa: PLR2004 - fen are hundredths
        raise CellError(gettext("金额最多两位小数"))
    return ledger.parse_yuan(f"{whole}.{places[:2]}" if places else whole)


def whole_fen(text: str) -> int:
    """Read an amount in fen.

    Raises:
        CellError: it is no whole number.
    """
    number = plain(text).removesuffix(".0")
    if _FEN.fullmatch(number) is None:
        raise CellError(gettext("请填写整数，单位分"))
    return int(number)


def quantity(text: str) -> Decimal:
    """Read a quantity: "120.5", "1,200".

    Raises:
        CellError: it is no plain positive number.
    """
    number = plain(text)
    if _QUANTITY.fullmatch(number) is None:
        raise CellError(gettext("请填写数量，只写数字，如 120.5"))
    return Decimal(number.replace(",", ""))


@lru_cache(maxsize=4096)
def day(text: str) -> date:
    """Read a day as spreadsheets and people write it: 2021-09-15, 2021/9/15, 2021年9月15日, 20210915, or its serial.

    Raises:
        CellError: it is none, or its order cannot be told, as in 9/15/21.
    """
    given = plain(text)
    serial = _SERIAL_DAY.fullmatch(given)
    if serial is not None:
        return _SERIAL_EPOCH + timedelta(days=int(serial[1]))
    parts = _day_parts(given)
    if parts is None:
        raise CellError(gettext("请填写日期，年在前，如 2021-09-15"))
    try:
        return date(*parts)
    except ValueError:
        raise CellError(gettext("没有这一天")) from None


def _day_parts(given: str) -> tuple[int, int, int] | None:
    found = _DAY.fullmatch(given)
    if found is not None:
        return int(found[1]), int(found[3]), int(found[4])
    found = _COMPACT_DAY.fullmatch(given)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def numbers(text: str) -> list[str]:
    """Read the numbers of papers in one cell, which may hold several.

    Raises:
        CellError: the spreadsheet took a long number for a quantity and lost its last digits.
    """
    if _SCIENTIFIC.fullmatch(plain(text)):
        raise CellError(gettext("号码被表格改成了科学记数，后几位已丢失：请把这一列设为文本后重新填写"))
    return [part.strip() for part in _PAPER_SEPARATORS.split(text) if part.strip()]
