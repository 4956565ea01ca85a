"""What the cells of the reference files may say, and when two dated rows hold. Pure: no session, no clock."""

import json
import re
from collections.abc import Callable, Iterable
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

PRECISIONS = ("year", "month", "day")

_REGION_CODE = re.compile(r"[1-9]\d{5}")
_PARTNER_CODE = re.compile(r"[1-9]\d{5}(-[a-z0-9]+)?|C-[a-z0-9]+")
_SLUG = re.compile(r"[a-z][a-z0-9_]*")
_NAME_LIMIT = 2_000

Parse = Callable[[str], Any]
"""Turns the text of a cell into its value, or raises ValueError with what is wrong with it."""

E = TypeVar("E", bound=StrEnum)


def text(cell: str) -> str:
    """Return a text that must not be empty."""
    if not cell:
        raise ValueError("must not be empty")
    return optional_text(cell)


def optional_text(cell: str) -> str:
    """Return a text that may be empty, without control characters except the line feed."""
    if len(cell) > _NAME_LIMIT:
        raise ValueError(f"has more than {_NAME_LIMIT} characters")
    if any(ord(sign) < ord(" ") and sign != "\n" for sign in cell):
        raise ValueError("holds a control character")
    return cell


def region_code(cell: str) -> str:
    """Return a GB/T 2260 code."""
    return _matching(cell, _REGION_CODE, "must be a GB/T 2260 code of six digits")


def partner_code(cell: str) -> str:
    """Return a partner's code: GB/T 2260, with a slug for a functional zone, or `C-` and a slug for a central unit."""
    return _matching(cell, _PARTNER_CODE, "must be a GB/T 2260 code, such a code with -slug, or C-slug")


def slug(cell: str) -> str:
    """Return a short code of small letters, digits and underscores."""
    return _matching(cell, _SLUG, "must be a code of small letters, digits and underscores")


def yes_no(cell: str) -> bool:
    """Return a flag that must be known."""
    if cell not in {"yes", "no"}:
        raise ValueError("must be yes or no")
    return cell == "yes"


def flag(cell: str) -> bool | None:
    """Return a flag; blank means unknown, never no."""
    if not cell:
        return None
    if cell not in {"yes", "no"}:
        raise ValueError("must be yes, no or blank for unknown")
    return cell == "yes"


def whole_number(cell: str) -> int:
    """Return a whole number that is not negative."""
    if not (cell.isascii() and cell.isdigit()):
        raise ValueError("must be a whole number")
    number = int(cell)
    if number >= 2**63:
        raise ValueError("is too large")
    return number


def day(cell: str) -> date:
    """Return a day written YYYY-MM-DD."""
    try:
        value = date.fromisoformat(cell)
    except ValueError:
        value = None
    if value is None or value.isoformat() != cell:
        raise ValueError("must be a day, YYYY-MM-DD")
    return value


def precision(cell: str) -> str:
    """Return how exactly a day is known."""
    if cell not in PRECISIONS:
        raise ValueError("must be year, month or day")
    return cell


def json_object(cell: str) -> dict[str, Any]:
    """Return a JSON object."""
    try:
        value = json.loads(cell)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ValueError("must be a JSON object")  # noqa: TRY004  # a cell's refusals are all ValueErrors
    return value


def optional(parse: Parse) -> Parse:
    """Return `parse` that takes a blank cell for None."""
    return lambda cell: parse(cell) if cell else None


def one_of(members: type[E]) -> Callable[[str], E]:
    """Return a parser for the values of an enumeration."""

    def parse(cell: str) -> E:
        try:
            return members(cell)
        except ValueError:
            raise ValueError("must be one of " + ", ".join(members)) from None

    return parse


def among(*values: str) -> Callable[[str], str]:
    """Return a parser for a fixed set of words."""

    def parse(cell: str) -> str:
        if cell not in values:
            raise ValueError("must be one of " + ", ".join(values))
        return cell

    return parse


def check_range(since: date | None, until: date | None) -> str:
    """Return what is wrong with a validity from `since` (in) to `until` (out); an empty text if nothing is."""
    return "must be later than since" if since is not None and until is not None and until <= since else ""


def check_precision(value: date | None, known: str | None) -> str:
    """Return what is wrong with a day of that precision: a year stands for its first day, a month for its."""
    if (value is None) != (known is None):
        return "a day and its precision stand together or not at all"
    if value is None or known == "day":
        return ""
    if value.day != 1 or (known == "year" and value.month != 1):
        return f"must be the first day of the {known}"
    return ""


def parents_first(rows: Iterable[dict[str, Any]], *, code: str, parent: str) -> list[dict[str, Any]]:
    """Return rows so ordered that each comes after its parent; a parent that is not among them does not count.

    Raises:
        ValueError: the rows are their own ancestors; it names one of them.
    """
    waiting = {row[code]: row for row in rows}
    ordered: list[dict[str, Any]] = []
    while waiting:
        ready = [key for key, row in waiting.items() if row[parent] not in waiting]
        if not ready:
            raise ValueError(next(iter(waiting)))
        ordered.extend(waiting.pop(key) for key in ready)
    return ordered


def _matching(cell: str, pattern: re.Pattern[str], refusal: str) -> str:
    if not pattern.fullmatch(cell):
        raise ValueError(refusal)
    return cell
