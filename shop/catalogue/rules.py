"""Packs, unit prices and seasons. Pure: exact numbers, rounded for display only."""

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

MONTHS = 12
GRAMS_PER_KG = 1000
GRAMS_PER_JIN = 500
"""Half a kilogram, 一斤, by which fresh goods are priced in China."""

_WEIGHT = re.compile(
    r"(?P<amount>\d+(?:\.\d+)?)(?P<measure>kg|g|ml|L)[\u4e00-\u9fff]*"
    r"(?:\*(?P<count>\d+)[\u4e00-\u9fff]*)?(?:/[\u4e00-\u9fff]+)?"
)
_PIECES = re.compile(r"\d+[\u4e00-\u9fff]+(?:/[\u4e00-\u9fff]+)?")
_GRAMS = {"g": 1, "kg": GRAMS_PER_KG}
_SEASON = re.compile(r"(\d{1,2})-(\d{1,2})")


def pack_weight_g(pack: str) -> int | None:
    """Return the net weight of a pack such as `500g*5袋/箱` in grams; None for a pack by volume or by piece.

    Raises:
        ValueError: the text is no pack, or its weight is no whole number of grams.
    """
    weight = _WEIGHT.fullmatch(pack)
    if weight is None:
        if not _PIECES.fullmatch(pack):
            raise ValueError("must be a pack such as 5kg/箱, 500g*5袋/箱, 500ml/瓶 or 1件")
        return None
    grams = _GRAMS.get(weight["measure"])
    if grams is None:
        return None
    total = Decimal(weight["amount"]) * grams * int(weight["count"] or 1)
    if total <= 0 or total != total.to_integral_value():
        raise ValueError("must weigh a whole number of grams, more than none")
    return int(total)


def season_months(season: str) -> list[int]:
    """Return the months of a season such as `9-11` in order; `10-4` runs over the year's end.

    Raises:
        ValueError: the text is no season.
    """
    match = _SEASON.fullmatch(season)
    if match is None or not all(1 <= int(month) <= MONTHS for month in match.groups()):
        raise ValueError("must be a season such as 9-11, its months between 1 and 12")
    first, last = int(match[1]), int(match[2])
    length = (last - first) % MONTHS + 1
    return [(first - 1 + step) % MONTHS + 1 for step in range(length)]


def is_in_season(months: Sequence[int], month: int) -> bool:
    """Tell whether a month belongs to a season."""
    return month in months


def unit_price_fen(price_fen: int, weight_g: int | None, *, per_g: int) -> Fraction | None:
    """Return the exact price of `per_g` grams; None where the pack has no weight."""
    return None if weight_g is None else Fraction(price_fen * per_g, weight_g)


def rounded(price: Fraction | None) -> int | None:
    """Return a unit price in whole fen, half up, for display only: nothing is ever computed from it."""
    return None if price is None else int((2 * price + 1) // 2)
