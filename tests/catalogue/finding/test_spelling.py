"""Which words could be meant for each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.catalogue.finding import spelling

LETTERS = st.text("abcdeghinou", min_size=4, max_size=10)


@pytest.mark.parametrize(
    ("typed", "word", "slips"),
    [
        ("jinnin", "jingning", 0),  # in for ing: the same to many ears
        ("zuanlan", "zhuanglang", 0),
        ("huanui", "huaniu", 1),
        ("baih", "baihe", 1),
        ("danggiu", "danggui", 1),
        ("baihe", "apple", None),
        ("lnzhoubahe", "lanzhoubaihe", 2),
        ("兰洲百合", "兰州百合", 0),
        ("静宁苹课", "静宁苹果", 1),
        ("花椒", "核桃", None),
    ],
)
def test_slips(typed: str, word: str, slips: int | None) -> None:
    assert spelling.slips(typed, word) == slips


@given(LETTERS, LETTERS)
def test_distance_is_the_same_both_ways_and_nothing_for_the_same(one: str, other: str) -> None:
    assert spelling.distance(one, other) == spelling.distance(other, one) <= max(len(one), len(other))
    assert (spelling.distance(one, other) == 0) == (one == other)


@given(LETTERS, st.integers(0, 9), st.sampled_from("abcdegh"))
def test_a_slip_of_any_kind_leaves_a_key_in_common(word: str, place: int, sign: str) -> None:
    at = place % len(word)
    missing = word[:at] + word[at + 1 :]
    slipped = (missing, word[:at] + sign + word[at:], word[:at] + sign + word[at + 1 :])

    for typed in slipped:
        assert (
            not spelling.keys(typed) or not spelling.keys(word) or set(spelling.keys(typed)) & set(spelling.keys(word))
        )


@pytest.mark.parametrize("word", ["pg", "jnpg", "百", "12345", "x" * 25, "5kg", ""])
def test_does_not_guess_at_what_is_too_short_or_no_word(word: str) -> None:
    assert spelling.keys(word) == []


def test_reads_chinese_signs_without_tones() -> None:
    assert spelling.reading("兰州百合") == "lanzhoubaihe"
    assert spelling.reading("a百") == ""
