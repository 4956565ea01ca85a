"""Numbers of Chinese invoices (发票): what they may look like, and one way of writing each.

Two invoices are the same exactly when their canonical numbers are equal, so the canonical number depends on the digits
alone, never on how somebody separated them. Sources: the State Taxation Administration's announcements on fully
digital invoices (数电票): 20 digits, of which 1-2 are the year, 3-4 the region of the provincial tax office (31
provinces, and the five cities planned separately), 5 the channel, 6-20 a serial; and the older invoices with a code
of 10 or 12 digits and a number of 8.
"""

import re
import unicodedata
from datetime import date

from flask_babel import gettext

FIRST_DIGITAL_YEAR = 21
"""Fully digital invoices began in December 2021."""

_DIGITAL_LENGTH = 20
_NUMBER_LENGTH = 8
_CODE_LENGTHS = (10, 12)
_CENTURY = 100
# Provinces by GB/T 2260; 91 to 95 are Dalian, Ningbo, Xiamen, Qingdao and Shenzhen, whose tax offices are their own.
_TAX_REGION_RANGES = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (91, 95))
_TAX_REGIONS = frozenset(str(code) for first, last in _TAX_REGION_RANGES for code in range(first, last + 1))
_SEPARATORS = re.compile(r"[\s\-‐‑–—_/]+")
_RED_MARKS = re.compile(r"^\s*[-−‐‑–—]|红字|红冲|负数")
_BLANKS = re.compile(r"\s+")


class InvoiceNumberError(ValueError):
    """The text is no number of an invoice that can be evidence; the message says why, for the reader."""


def canonical_number(text: str, *, today: date) -> str:
    """Return an invoice's number in its canonical form: 20 digits, or "code-number" of an older invoice.

    Full-width digits, blanks and separators do not matter. Twenty digits are a fully digital invoice whenever they can
    be one, even written as 12 and 8: otherwise the same paper could be claimed twice under two spellings. Twenty digits
    that cannot are an older invoice only if they were written as 12 and 8. Eighteen digits are an older one.

    Raises:
        InvoiceNumberError: it is neither kind, lies in the future, or belongs to a red-letter (negative) invoice.
    """
    plain = unicodedata.normalize("NFKC", text)
    if _RED_MARKS.search(plain):
        raise InvoiceNumberError(gettext("红字（负数）发票不能作为销售凭证"))
    groups = [group for group in _SEPARATORS.split(plain) if group]
    digits = "".join(groups)
    if not digits.isascii() or not digits.isdecimal():
        raise InvoiceNumberError(gettext("发票号码只能由数字组成"))
    if not digits.strip("0"):
        raise InvoiceNumberError(gettext("发票号码不能全为零"))
    if len(digits) == _DIGITAL_LENGTH:
        return _twenty_digits(digits, groups, today)
    if len(digits) - _NUMBER_LENGTH in _CODE_LENGTHS:
        return _with_code(digits)
    if len(digits) == _NUMBER_LENGTH:
        raise InvoiceNumberError(gettext("只有8位号码时，还需要10位或12位发票代码，写成“代码-号码”"))
    raise InvoiceNumberError(
        gettext("发票号码应为20位（数电票），或10位、12位代码加8位号码；现在是%(count)s位", count=len(digits))
    )


def comparable(text: str) -> str:
    """Return other papers' numbers in one spelling: full-width signs made plain, no blanks, capital letters."""
    return _BLANKS.sub("", unicodedata.normalize("NFKC", text)).upper()


def _twenty_digits(digits: str, groups: list[str], today: date) -> str:
    problem = _digital_problem(digits, today)
    if problem is None:
        return digits
    if [len(group) for group in groups] == [_DIGITAL_LENGTH - _NUMBER_LENGTH, _NUMBER_LENGTH]:
        return _with_code(digits)
    raise InvoiceNumberError(
        gettext("%(problem)s；如果是12位代码加8位号码的旧版发票，请写成“代码-号码”", problem=problem)
    )


def _digital_problem(digits: str, today: date) -> str | None:
    year, region = int(digits[:2]), digits[2:4]
    problem: str | None = None
    if not FIRST_DIGITAL_YEAR <= year <= today.year % _CENTURY:
        problem = gettext("数电票第1至2位应为开票年份，“%(year)s”不是", year=digits[:2])
    elif region not in _TAX_REGIONS:
        problem = gettext("数电票第3至4位应为省级税务机关代码，“%(region)s”不是", region=region)
    return problem


def _with_code(digits: str) -> str:
    return f"{digits[:-_NUMBER_LENGTH]}-{digits[-_NUMBER_LENGTH:]}"
