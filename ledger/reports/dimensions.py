"""The dimensions by which the books are cut: each is one SQL expression over a part of a transfer.

In `aid` the partner's and the county's account each give theirs, the transfer's kind gives the pairing, and its day the
month and the year. Every dimension's value is text.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, DateTime, FromClause, Text, case, cast, func

from ledger import chart
from ledger.errors import BadQuery, UnknownDimension

Carrier = Literal["partner", "county", "account", "kind", "month", "year"]
Value = Callable[[ColumnElement[Any]], ColumnElement[str]]

UNPAIRED_SUFFIX = "_unpaired"


@dataclass(frozen=True, slots=True)
class Dimension:
    """What carries the dimension, and how its value comes out of that column."""

    carrier: Carrier
    value: Value


def _part(number: int) -> Value:
    return lambda code: func.split_part(code, ":", number, type_=Text)


def _side(code: ColumnElement[str]) -> ColumnElement[str]:
    partner = func.split_part(code, ":", 2, type_=Text)
    return case((partner == chart.NOBODY, "none"), (partner.like("C-%"), "central"), else_="eastern")


def _prefecture(code: ColumnElement[str]) -> ColumnElement[str]:
    county = func.split_part(code, ":", 2, type_=Text)
    return case((county == chart.UNKNOWN_COUNTY, county), else_=func.left(county, 4, type_=Text) + "00")


def _pairing(kind: ColumnElement[str]) -> ColumnElement[str]:
    return case((kind.endswith(UNPAIRED_SUFFIX, autoescape=True), "outside"), else_="inside")


def _moment_as(pattern: str) -> Value:
    return lambda moment: func.to_char(moment, pattern, type_=Text)


_OF_DAY = {
    "month": Dimension("month", _moment_as("YYYY-MM")),
    "year": Dimension("year", _moment_as("YYYY")),
}
_BY_BOOK: dict[str, dict[str, Dimension]] = {
    "aid": {
        "partner": Dimension("partner", _part(2)),
        "side": Dimension("partner", _side),
        "mode": Dimension("partner", _part(3)),
        "channel": Dimension("partner", _part(4)),
        "county": Dimension("county", _part(2)),
        "prefecture": Dimension("county", _prefecture),
        "category": Dimension("county", _part(3)),
        "pairing": Dimension("kind", _pairing),
        **_OF_DAY,
    },
    "cash": {"account": Dimension("account", lambda code: code), **_OF_DAY},
}
DIMENSIONS: Mapping[str, tuple[str, ...]] = {book: tuple(names) for book, names in _BY_BOOK.items()}


def carried(flow: FromClause, carrier: Carrier) -> ColumnElement[Any]:
    """Give what a row of the flow itself holds for a carrier: its kind, or the first moment of its month or year."""
    if carrier == "kind":
        return flow.c.kind
    return func.date_trunc(carrier, cast(flow.c.day, DateTime)).label(carrier)


def dimension(book: str, name: str) -> Dimension:
    """Look up a dimension of a book.

    Raises:
        BadQuery: there is no such book.
        UnknownDimension: the book has no such dimension; the error names those that it has.
    """
    if book not in _BY_BOOK:
        raise BadQuery("book", book, f"must be one of {', '.join(_BY_BOOK)}")
    try:
        return _BY_BOOK[book][name]
    except KeyError:
        raise UnknownDimension(name, DIMENSIONS[book]) from None
