"""What holds for all money."""

import itertools
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ledger import allocate, format_yuan, line_amount_fen, parse_yuan

exact = st.decimals(-(10**6), 10**6, places=4) | st.integers(-(10**9), 10**9)


@given(total=st.integers(0, 10**12), weights=st.lists(st.integers(0, 10**6), min_size=1).filter(any))
def test_allocate_loses_nothing_and_stays_within_one_fen(total: int, weights: list[int]) -> None:
    shares = allocate(total, weights)

    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * sum(weights) - total * weight) < sum(weights)


@given(total=st.integers(0, 10**12), weights=st.lists(st.integers(0, 10**6), min_size=1).filter(any))
def test_allocate_mirrors_itself_and_gives_no_more_to_less_weight(total: int, weights: list[int]) -> None:
    shares = allocate(total, weights)

    assert allocate(-total, weights) == [-share for share in shares]
    by_weight = sorted(zip(weights, shares, strict=True))
    assert all(light[1] <= heavy[1] + (light[0] == heavy[0]) for light, heavy in itertools.pairwise(by_weight))


@given(price=exact, quantity=exact)
def test_a_line_is_within_half_a_fen_and_its_mirror_is_its_negative(
    price: Decimal | int, quantity: Decimal | int
) -> None:
    amount_fen = line_amount_fen(price, quantity)
    product = Fraction(price) * Fraction(quantity)

    assert abs(amount_fen - product) <= Fraction(1, 2)
    assert line_amount_fen(price, -quantity) == -amount_fen
    if abs(amount_fen - product) == Fraction(1, 2):
        assert abs(amount_fen) > abs(product)


@given(st.integers(-(10**17), 10**17))
def test_yuan_come_back_as_they_were_written(amount_fen: int) -> None:
    written = format_yuan(amount_fen)

    assert parse_yuan(written) == amount_fen
    assert parse_yuan(written.replace(",", "")) == amount_fen
