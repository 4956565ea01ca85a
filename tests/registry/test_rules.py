"""What cells may say and when dated rows hold."""

from datetime import date

import pytest

from shop.registry import rules
from shop.registry.models import Side


class TestCells:
    @pytest.mark.parametrize(
        ("parse", "cell", "value"),
        [
            (rules.flag, "", None),
            (rules.flag, "yes", True),
            (rules.flag, "no", False),
            (rules.day, "2021-04-01", date(2021, 4, 1)),
            (rules.whole_number, "235100000000", 235_100_000_000),
            (rules.partner_code, "370100-hightech", "370100-hightech"),
            (rules.partner_code, "C-nea", "C-nea"),
            (rules.optional(rules.region_code), "", None),
            (rules.json_object, '{"suspect_days": 7}', {"suspect_days": 7}),
            (rules.one_of(Side), "central", Side.CENTRAL),
            (rules.optional_text, "一行\n又一行", "一行\n又一行"),
        ],
    )
    def test_are_read(self, parse: rules.Parse, cell: str, value: object) -> None:
        assert parse(cell) == value

    @pytest.mark.parametrize(
        ("parse", "cell", "reason"),
        [
            (rules.text, "", "must not be empty"),
            (rules.text, "a\x00b", "control character"),
            (rules.text, "长" * 2_001, "more than"),
            (rules.flag, "unknown", "yes, no or blank"),
            (rules.yes_no, "", "yes or no"),
            (rules.day, "2021-4-1", "YYYY-MM-DD"),
            (rules.day, "20210401", "YYYY-MM-DD"),
            (rules.day, "2021-02-29", "YYYY-MM-DD"),
            (rules.whole_number, "-1", "whole number"),
            (rules.whole_number, "1.0", "whole number"),
            (rules.whole_number, "１２", "whole number"),
            (rules.whole_number, str(2**63), "too large"),
            (rules.region_code, "62", "six digits"),
            (rules.partner_code, "c-nea", "C-slug"),
            (rules.slug, "五进", "small letters"),
            (rules.precision, "decade", "year, month or day"),
            (rules.json_object, "[]", "JSON object"),
            (rules.one_of(Side), "western", "eastern, central"),
            (rules.among("=", ">"), "<", "=, >"),
        ],
    )
    def test_are_refused_with_a_reason(self, parse: rules.Parse, cell: str, reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            parse(cell)


class TestChecks:
    def test_a_range_must_not_end_before_it_begins(self) -> None:
        assert rules.check_range(date(2021, 1, 1), date(2021, 1, 1))
        assert not rules.check_range(date(2021, 1, 1), date(2021, 1, 2))
        assert not rules.check_range(None, date(2021, 1, 2))

    def test_a_year_stands_for_its_first_day(self) -> None:
        assert not rules.check_precision(date(2021, 1, 1), "year")
        assert rules.check_precision(date(2021, 4, 1), "year")
        assert rules.check_precision(date(2021, 4, 2), "month")
        assert rules.check_precision(date(2021, 4, 2), None)
        assert rules.check_precision(None, "year")


class TestParentsFirst:
    def test_puts_every_row_after_its_parent(self) -> None:
        rows = [{"c": "3", "p": "2"}, {"c": "2", "p": "1"}, {"c": "1", "p": None}, {"c": "4", "p": "elsewhere"}]

        ordered = [row["c"] for row in rules.parents_first(rows, code="c", parent="p")]

        assert ordered.index("1") < ordered.index("2") < ordered.index("3")
        assert "4" in ordered

    def test_refuses_rows_that_are_their_own_ancestors(self) -> None:
        with pytest.raises(ValueError, match="1"):
            rules.parents_first([{"c": "1", "p": "2"}, {"c": "2", "p": "1"}], code="c", parent="p")
