"""Ranges of days as people name them."""

from datetime import date

import pytest

from shop.errors import InvalidInput
from shop.finance import periods
from shop.finance.periods import Period, Preset


class TestChosen:
    @pytest.mark.parametrize(
        ("name", "today", "expected"),
        [
            ("month", date(2026, 2, 14), Period(date(2026, 2, 1), date(2026, 2, 14))),
            ("last-month", date(2026, 3, 31), Period(date(2026, 2, 1), date(2026, 2, 28))),
            ("last-month", date(2026, 1, 31), Period(date(2025, 12, 1), date(2025, 12, 31))),
            ("quarter", date(2026, 3, 31), Period(date(2026, 1, 1), date(2026, 3, 31))),
            ("quarter", date(2026, 11, 30), Period(date(2026, 10, 1), date(2026, 11, 30))),
            ("year", date(2026, 11, 30), Period(date(2026, 1, 1), date(2026, 11, 30))),
            ("2021-09", date(2026, 11, 30), Period(date(2021, 1, 1), date(2021, 9, 30))),
            ("all", date(2026, 11, 30), Period()),
        ],
    )
    def test_knows_the_presets(self, name: str, today: date, expected: Period) -> None:
        assert periods.chosen({"period": name}, today=today) == (Preset(name), expected)

    @pytest.mark.parametrize("name", ["", "custom", "nonsense"])
    def test_takes_two_days_without_a_preset_for_a_custom_period(self, name: str) -> None:
        args = {"period": name, "from": "2021-05-01", "to": "2021-05-31"}

        assert periods.chosen(args, today=date(2026, 1, 1)) == (
            Preset.CUSTOM,
            Period(date(2021, 5, 1), date(2021, 5, 31)),
        )

    def test_begins_with_the_current_year(self) -> None:
        assert periods.chosen({}, today=date(2026, 5, 1))[0] is Preset.YEAR

    @pytest.mark.parametrize(
        ("args", "field"),
        [
            ({"from": "2021-13-01"}, "from"),
            ({"to": "soon"}, "to"),
            ({"from": "2021-05-02", "to": "2021-05-01"}, "to"),
            ({"to": "9999-12-31"}, "to"),
        ],
    )
    def test_names_the_day_that_is_wrong(self, args: dict[str, str], field: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            periods.chosen(args, today=date(2026, 1, 1))

        assert [error.field for error in refused.value.errors] == [field]


def test_the_last_day_is_included() -> None:
    assert Period(date(2021, 1, 1), date(2021, 9, 30)).until == date(2021, 10, 1)
