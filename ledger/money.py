"""Exact arithmetic on fen. No float goes in, none comes out, and nothing is lost."""

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from ledger.errors import MoneyError

FEN_PER_YUAN = 100
_YUAN = re.compile(r"([+-]?)(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d{1,2}))?", re.ASCII)
_LONGEST_TEXT = 40


def allocate(total_fen: int, weights: Sequence[int]) -> list[int]:
    """Split an amount in proportion to weights so that the shares add up to it exactly.

    Largest remainder: every share is its exact value rounded down, and the fen left over go to the largest
    remainders, the earlier one first when two are equal. A negative total gives the mirror of the positive one.

    Raises:
        MoneyError: there is no weight, one is negative, or all are zero.
    """
    whole = sum(weights)
    if any(weight < 0 for weight in weights) or whole <= 0:
        raise MoneyError(list(weights), "weights must not be negative, and one must be positive")
    if total_fen < 0:
        return [-share for share in allocate(-total_fen, weights)]
    parts = [divmod(total_fen * weight, whole) for weight in weights]
    shares = [share for share, _ in parts]
    by_remainder = sorted(range(len(parts)), key=lambda index: -parts[index][1])
    for index in by_remainder[: total_fen - sum(shares)]:
        shares[index] += 1
    return shares


def line_amount_fen(unit_price_fen: Decimal | Fraction | int, quantity: Decimal | int) -> int:
    """Multiply exactly and round once to whole fen, half up; a return is the mirror of its sale.

    Raises:
        MoneyError: an argument is a float, not a number, or infinite.
    """
    exact = _exact(unit_price_fen) * _exact(quantity)
    magnitude = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return magnitude if exact >= 0 else -magnitude


def _exact(value: object) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | Fraction):
        raise MoneyError(value, "not an exact number")
    if isinstance(value, Decimal) and not value.is_finite():
        raise MoneyError(value, "not a finite number")
    return Fraction(value)


def parse_yuan(text: str) -> int:
    """Read an amount in yuan, such as "1234.5" or "-1,234.50", as fen.

    Raises:
        MoneyError: the text is no plain decimal with at most two places (exponents are refused too).
    """
    if not isinstance(text, str):
        raise MoneyError(text, "amounts in yuan are read from text only")
    match = _YUAN.fullmatch(text.strip()) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        raise MoneyError(text, "not an amount in yuan with at most two decimal places")
    sign, yuan, fen = match.groups(default="")
    amount_fen = int(yuan.replace(",", "")) * FEN_PER_YUAN + int(fen.ljust(2, "0"))
    return -amount_fen if sign == "-" else amount_fen


def format_yuan(amount_fen: int) -> str:
    """Write fen as yuan with thousands separators and two places: "1,234.56"."""
    yuan, fen = divmod(abs(amount_fen), FEN_PER_YUAN)
    return f"{'-' if amount_fen < 0 else ''}{yuan:,}.{fen:02d}"
