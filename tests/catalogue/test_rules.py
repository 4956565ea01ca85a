"""Packs, seasons, unit prices and the words of the search."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.catalogue import rules, search


class TestPackWeight:
    @pytest.mark.parametrize(
        ("pack", "weight_g"),
        [
            ("5kg/箱", 5000),
            ("2.5kg/袋", 2500),
            ("500g*5袋/箱", 2500),
            ("1kg*2/箱", 2000),
            ("250g*4真空/箱", 1000),
            ("5kg什锦/箱", 5000),
            ("850g罐*6/箱", 5100),
            ("800g真空/只", 800),
            ("454g/罐", 454),
        ],
    )
    def test_is_exact(self, pack: str, weight_g: int) -> None:
        assert rules.pack_weight_g(pack) == weight_g

    @pytest.mark.parametrize(
        "pack", ["500ml*6瓶/箱", "750ml*6/箱", "5L/桶", "1只", "2只/盒", "60枚/箱", "12包/盒", "50张/刀", "1件/框"]
    )
    def test_is_unknown_by_volume_and_by_piece(self, pack: str) -> None:
        assert rules.pack_weight_g(pack) is None

    @pytest.mark.parametrize("pack", ["", "箱", "kg", "5", "0kg/箱", "0.0001kg/袋", "5kg*0/箱", "-5kg", "5kg/", "5 kg"])
    def test_refuses_what_is_no_pack(self, pack: str) -> None:
        with pytest.raises(ValueError, match="must"):
            rules.pack_weight_g(pack)

    @given(st.integers(1, 100_000), st.integers(1, 100))
    def test_multiplies_without_loss(self, grams: int, count: int) -> None:
        assert rules.pack_weight_g(f"{grams}g*{count}袋/箱") == grams * count
        assert rules.pack_weight_g(f"{grams / 1000:.3f}kg*{count}/箱") == grams * count


class TestSeason:
    @pytest.mark.parametrize(
        ("season", "months"),
        [
            ("9-11", [9, 10, 11]),
            ("10-4", [10, 11, 12, 1, 2, 3, 4]),
            ("1-12", list(range(1, 13))),
            ("7-7", [7]),
            ("12-1", [12, 1]),
        ],
    )
    def test_runs_over_the_end_of_the_year(self, season: str, months: list[int]) -> None:
        assert rules.season_months(season) == months

    @pytest.mark.parametrize("season", ["", "9", "0-3", "9-13", "9–11", "9-11 "])
    def test_refuses_what_is_no_season(self, season: str) -> None:
        with pytest.raises(ValueError, match="season"):
            rules.season_months(season)

    @given(st.integers(1, 12), st.integers(1, 12))
    def test_begins_and_ends_where_it_says(self, first: int, last: int) -> None:
        months = rules.season_months(f"{first}-{last}")

        assert (months[0], months[-1]) == (first, last)
        assert len(months) == len(set(months))
        assert all(rules.is_in_season(months, month) is (month in months) for month in range(1, 13))


class TestUnitPrice:
    def test_is_never_rounded_but_for_display(self) -> None:
        price = rules.unit_price_fen(1000, 3000, per_g=rules.GRAMS_PER_JIN)

        assert price == Fraction(500, 3)
        assert rules.rounded(price) == 167

    def test_is_unknown_without_a_weight(self) -> None:
        assert rules.unit_price_fen(1000, None, per_g=rules.GRAMS_PER_KG) is None
        assert rules.rounded(None) is None

    @given(st.integers(1, 10**9), st.integers(1, 10**6))
    def test_gives_the_price_back_for_the_whole_weight(self, price_fen: int, weight_g: int) -> None:
        price = rules.unit_price_fen(price_fen, weight_g, per_g=rules.GRAMS_PER_KG)

        assert price is not None
        assert price * weight_g / rules.GRAMS_PER_KG == price_fen

    @given(st.fractions(0, 10**9))
    def test_is_displayed_half_up(self, price: Fraction) -> None:
        shown = rules.rounded(price)

        assert shown is not None
        assert Fraction(-1, 2) < shown - price <= Fraction(1, 2)


class TestSearchText:
    def test_holds_words_pinyin_and_initials_between_blanks(self) -> None:
        text = search.search_text(
            name="花牛苹果",
            pinyin="huā niú píng guǒ",
            name_en="Huaniu apple",
            places=[("麦积区", "Maiji Qu"), ("天水市", "Tianshui Shi")],
            kind="果蔬",
        )

        for token in (
            "花牛苹果",
            "苹果",
            "huaniupingguo",
            "pingguo",
            "hnpg",
            "pg",
            "apple",
            "麦积区",
            "tianshui",
            "果蔬",
        ):
            assert f" {token} " in text

    def test_finds_u_umlaut_typed_as_v_and_as_u(self) -> None:
        text = search.search_text(name="陇南绿茶", pinyin="lǒng nán lǜ chá", name_en="", places=[], kind="林特")

        assert " lvcha " in text
        assert " lucha " in text

    def test_pinyin_without_tones_has_v_for_u_umlaut(self) -> None:
        assert search.toneless("qín ān LǛ chá") == "qin an lv cha"


class TestTerms:
    @pytest.mark.parametrize(
        ("query", "terms"),
        [
            ("花牛苹果", ["花牛苹果"]),
            ("  静宁 ＡＰＰＬＥ ", ["静宁", "apple"]),
            ("苹果5kg", ["苹果", "5kg"]),
            ("%_\\", []),
            ("苹果%", ["苹果"]),
            ("a\x00b", ["a", "b"]),
            ("", []),
        ],
    )
    def test_are_letters_digits_and_chinese_only(self, query: str, terms: list[str]) -> None:
        assert search.terms(query) == terms

    @given(st.text())
    def test_never_hold_a_wildcard(self, query: str) -> None:
        assert not any(set(term) & set("%_\\\x00") for term in search.terms(query))

    def test_are_few(self) -> None:
        assert len(search.terms(" ".join(f"t{number}" for number in range(100)))) <= 8

    def test_are_cut_into_words_by_the_dictionary(self) -> None:
        assert search.words("静宁的苹果") == ["静宁", "苹果"]

    def test_are_cut_into_pairs_without_one(self) -> None:
        assert search.pieces(["天水苹果", "苹果", "apple", "枣"]) == ["天水", "水苹", "苹果", "apple", "枣"]


class TestDigest:
    def test_changes_with_what_the_text_is_made_from(self) -> None:
        assert search.digest({"name": "甲"}) == search.digest({"name": "甲"})
        assert search.digest({"name": "甲"}) != search.digest({"name": "乙"})
