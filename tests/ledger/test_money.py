"""Money: splitting, multiplying, reading and writing, without losing a fen."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from ledger import MoneyError, allocate, format_yuan, line_amount_fen, parse_yuan


class TestAllocate:
    def test_gives_the_fen_left_over_to_the_largest_remainders(self) -> None:
        assert allocate(100, [1, 1, 1]) == [34, 33, 33]
        assert allocate(100, [1, 2, 3]) == [17, 33, 50]

    def test_mirrors_a_negative_total(self) -> None:
        assert allocate(-100, [1, 1, 1]) == [-34, -33, -33]

    @pytest.mark.parametrize("weights", [[], [0, 0], [2, -1]])
    def test_refuses_weights_that_cannot_be_shared_by(self, weights: list[int]) -> None:
        with pytest.raises(MoneyError):
            allocate(100, weights)


class TestLineAmount:
    @pytest.mark.parametrize(
        ("price", "quantity", "amount_fen"),
        [
            (1990, 3, 5970),
            (Decimal("0.5"), 1, 1),
            (Decimal("0.5"), -1, -1),
            (Fraction(1, 3), 2, 1),
            (Decimal("12.345"), Decimal("1.5"), 19),
            (0, 10**9, 0),
        ],
    )
    def test_is_rounded_once_half_up(self, price: Any, quantity: Any, amount_fen: int) -> None:
        assert line_amount_fen(price, quantity) == amount_fen

    @pytest.mark.parametrize("price", [1.5, True, "2", Decimal("NaN"), Decimal("Infinity")])
    def test_refuses_what_is_not_exact(self, price: Any) -> None:
        with pytest.raises(MoneyError):
            line_amount_fen(price, 1)
        with pytest.raises(MoneyError):
            line_amount_fen(1, price)


class TestYuan:
    @pytest.mark.parametrize(
        ("text", "amount_fen"),
        [("0", 0), ("12", 1200), ("12.5", 1250), ("-0.05", -5), ("+3.10", 310), (" 1,234,567.89 ", 123456789)],
    )
    def test_is_read_exactly(self, text: str, amount_fen: int) -> None:
        assert parse_yuan(text) == amount_fen

    @pytest.mark.parametrize(
        "text", ["", ".5", "1.", "1.234", "1e3", "1,23", "12,34.00", "٣", "NaN", "--1", "9" * 41, 1.5, 1, None]
    )
    def test_is_refused_when_it_is_no_plain_amount(self, text: Any) -> None:
        with pytest.raises(MoneyError):
            parse_yuan(text)

    def test_is_written_with_two_places_and_separators(self) -> None:
        assert format_yuan(123456) == "1,234.56"
        assert format_yuan(-5) == "-0.05"
