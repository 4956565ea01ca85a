"""Reports: totals by every dimension, statements, accounts, and pages of transfers."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

import ledger
from ledger import (
    AccountShapeError,
    BadCursor,
    BadQuery,
    LedgerError,
    TotalRow,
    TransferRow,
    UnknownDimension,
    county_account,
    partner_account,
)
from tests.ledger.factories import CLEARING, DAY, LINTAO, PREPAID, TIANJIN, a_leg, a_payment, a_sale

OCTOBER = date(2021, 10, 8)
ENERGY = partner_account("C-energy", "assisted", "live")
NOBODY = partner_account("none", "direct", "platform")
ANDING = county_account("621102", "produce")
UNKNOWN = county_account("unknown", "grain")


@pytest.fixture
def year(books: Session) -> Session:
    """Return books with sales of three partners, a mirror, and a payment."""
    ledger.post_many(
        books,
        [
            a_sale("1", a_leg(1000), a_leg(200, credit=ANDING)),
            a_sale("2", a_leg(300, debit=ENERGY, credit=ANDING, kind="sale_unpaired"), on=OCTOBER, source="sale:2"),
            a_sale("3", a_leg(40, debit=NOBODY, credit=UNKNOWN), on=date(2022, 1, 1)),
            a_payment("4", 5000),
        ],
    )
    ledger.reverse(books, "1", new_key="5", on=OCTOBER, source="refund:1", parts={(TIANJIN, LINTAO): 100})
    return books


def _amounts(rows: Sequence[TotalRow]) -> dict[tuple[str, ...], tuple[int, int]]:
    return {tuple(row.key.values()): (row.amount_fen, row.count) for row in rows}


class TestTotals:
    @pytest.mark.parametrize(
        ("dimension", "expected"),
        [
            ("partner", {"120000": (1100, 3), "C-energy": (300, 1), "none": (40, 1)}),
            ("side", {"central": (300, 1), "eastern": (1100, 3), "none": (40, 1)}),
            ("mode", {"assisted": (300, 1), "direct": (1140, 4)}),
            ("channel", {"canteen": (1100, 3), "live": (300, 1), "platform": (40, 1)}),
            ("county", {"621102": (500, 2), "621124": (900, 2), "unknown": (40, 1)}),
            ("prefecture", {"621100": (1400, 4), "unknown": (40, 1)}),
            ("category", {"grain": (40, 1), "herb": (900, 2), "produce": (500, 2)}),
            ("pairing", {"inside": (1140, 4), "outside": (300, 1)}),
            ("month", {"2021-09": (1200, 2), "2021-10": (200, 2), "2022-01": (40, 1)}),
            ("year", {"2021": (1400, 4), "2022": (40, 1)}),
        ],
    )
    def test_cut_assistance_by_each_dimension(
        self, year: Session, dimension: str, expected: dict[str, tuple[int, int]]
    ) -> None:
        totals = ledger.totals(year, book="aid", by=[dimension])

        assert _amounts(totals.rows) == {(value,): amounts for value, amounts in expected.items()}
        assert [row.key[dimension] for row in totals.rows] == sorted(expected)
        assert (totals.total_fen, totals.count) == (1440, 5)
        assert {type(number) for row in totals.rows for number in (row.amount_fen, row.count)} == {int}
        for value, amounts in expected.items():
            only = ledger.totals(year, book="aid", by=[], where={dimension: value})
            assert (only.total_fen, only.count) == amounts

    def test_cut_by_several_dimensions_in_the_order_asked_for(self, year: Session) -> None:
        totals = ledger.totals(year, book="aid", by=["month", "partner", "month"], where={"year": "2021"})

        assert _amounts(totals.rows) == {
            ("2021-09", "120000"): (1200, 2),
            ("2021-10", "120000"): (-100, 1),
            ("2021-10", "C-energy"): (300, 1),
        }

    def test_hold_the_days_from_since_to_the_day_before_until(self, year: Session) -> None:
        def total_fen(since: date | None, until: date | None) -> int:
            return ledger.totals(year, book="aid", by=["side"], since=since, until=until).total_fen

        assert total_fen(DAY, OCTOBER) == 1200
        assert total_fen(OCTOBER, None) == 240
        assert total_fen(None, DAY) == 0
        assert total_fen(OCTOBER, OCTOBER) == 0

    def test_are_empty_where_nothing_is(self, books: Session) -> None:
        for by in ([], ["partner"]):
            totals = ledger.totals(books, book="aid", by=by)
            assert (totals.rows, totals.total_fen, totals.count) == ([], 0, 0)

    def test_show_money_on_both_its_accounts(self, year: Session) -> None:
        totals = ledger.totals(year, book="cash", by=["account", "month"])

        assert _amounts(totals.rows) == {(CLEARING, "2021-09"): (5000, 1), (PREPAID, "2021-09"): (-5000, 1)}
        assert totals.total_fen == 0
        assert ledger.totals(year, book="cash", by=["year"], where={"account": PREPAID}).total_fen == -5000

    def test_name_the_legal_dimensions_when_asked_for_another(self, books: Session) -> None:
        for book, by, where in (("aid", ["town"], {}), ("aid", [], {"account": "x"}), ("cash", ["partner"], {})):
            with pytest.raises(UnknownDimension) as caught:
                ledger.totals(books, book=book, by=by, where=where)
            assert caught.value.legal == ledger.DIMENSIONS[book]

    def test_refuse_an_unknown_book_and_days_in_the_wrong_order(self, books: Session) -> None:
        for book, since in (("gold", None), ("aid", OCTOBER)):
            with pytest.raises(BadQuery):
                ledger.totals(books, book=book, by=["month"], since=since, until=DAY)


class TestStatement:
    def test_runs_from_opening_to_closing_in_the_accounts_own_sign(self, year: Session) -> None:
        statement = ledger.statement(year, LINTAO, since=OCTOBER)

        assert (statement.opening_fen, statement.closing_fen) == (1000, 900)
        assert [(line.signed_fen, line.balance_fen) for line in statement.rows] == [(-100, 900)]
        assert statement.rows[0].transfer.reverses == "1"
        assert statement.next_cursor is None

    def test_closes_as_of_a_day(self, year: Session) -> None:
        assert ledger.statement(year, TIANJIN, as_of=date(2021, 10, 7)).closing_fen == 1200
        assert ledger.statement(year, TIANJIN, as_of=OCTOBER).closing_fen == 1100
        assert ledger.statement(year, TIANJIN, until=OCTOBER).closing_fen == 1200

    def test_carries_the_balance_from_page_to_page(self, books: Session) -> None:
        ledger.post_many(books, [a_payment(f"p{number}", 10 + number) for number in range(7)])
        ledger.post(books, a_payment("before", 500, on=DAY - timedelta(days=3)))

        balances, cursor, pages = [], None, 0
        while cursor is not None or not pages:
            page = ledger.statement(books, PREPAID, since=DAY, after=cursor, limit=3)
            assert (page.opening_fen, page.closing_fen) == (500, 591)
            assert page.rows[0].balance_fen == page.brought_fen + page.rows[0].signed_fen
            balances += [line.balance_fen for line in page.rows]
            cursor, pages = page.next_cursor, pages + 1

        assert (pages, balances) == (3, [510, 521, 533, 546, 560, 575, 591])

    def test_is_empty_for_an_account_that_was_never_used(self, books: Session) -> None:
        statement = ledger.statement(books, "asset:bank:CCB-01", book="cash", since=DAY)

        assert (statement.opening_fen, statement.rows, statement.closing_fen) == (0, [], 0)

    def test_refuses_what_it_cannot_state(self, books: Session) -> None:
        with pytest.raises(AccountShapeError):
            ledger.statement(books, "asset:gold")
        with pytest.raises(AccountShapeError):
            ledger.statement(books, LINTAO, book="cash")
        with pytest.raises(BadQuery):
            ledger.statement(books, LINTAO, until=DAY, as_of=DAY)
        with pytest.raises(BadCursor):
            ledger.statement(books, LINTAO, after="nonsense")


class TestAccounts:
    def test_show_their_balances(self, year: Session) -> None:
        assert [(row.code, row.kind, row.balance_fen) for row in ledger.accounts(year, prefix="county:")] == [
            (ANDING, "county", 500),
            (LINTAO, "county", 900),
            (UNKNOWN, "county", 40),
        ]
        assert [(row.book, row.balance_fen) for row in ledger.accounts(year, book="cash")] == [
            ("cash", 5000),
            ("cash", 5000),
        ]
        assert len(ledger.accounts(year)) == 8
        assert ledger.accounts(year, prefix="%") == []


class TestTransfers:
    def test_list_the_oldest_first_with_their_entries(self, year: Session) -> None:
        rows = ledger.transfers(year).rows

        assert [(row.entry_key, row.amount_fen) for row in rows] == [
            ("1", 1000),
            ("1", 200),
            ("4", 5000),
            ("2", 300),
            ("5", 100),
            ("3", 40),
        ]
        mirror = rows[4]
        assert (mirror.book, mirror.debit_account, mirror.credit_account) == ("aid", LINTAO, TIANJIN)
        assert (mirror.source, mirror.reverses, mirror.effective_on) == ("refund:1", "1", OCTOBER)
        assert mirror.entry_id != mirror.id

    @pytest.mark.parametrize(
        ("filters", "keys"),
        [
            ({"book": "cash"}, ["4"]),
            ({"account": LINTAO}, ["1", "5"]),
            ({"account": TIANJIN, "book": "aid", "since": OCTOBER}, ["5"]),
            ({"since": OCTOBER, "until": date(2022, 1, 1)}, ["2", "5"]),
            ({"source": "sale:2"}, ["2"]),
            ({"where": {"partner": "120000"}}, ["1", "1", "5"]),
            ({"where": {"partner": "120000", "county": "621102"}}, ["1"]),
            ({"where": {"side": "central"}}, ["2"]),
            ({"where": {"mode": "direct", "prefecture": "621100"}}, ["1", "1", "5"]),
            ({"where": {"category": "herb", "month": "2021-10"}}, ["5"]),
            ({"where": {"pairing": "outside"}}, ["2"]),
            ({"where": {"pairing": "inside"}, "book": "aid"}, ["1", "1", "5", "3"]),
            ({"where": {"year": "2022"}}, ["3"]),
            ({"where": {"account": PREPAID}}, ["4"]),
            ({"account": LINTAO, "where": {"partner": "C-energy"}}, []),
        ],
    )
    def test_are_found_by_every_filter(self, year: Session, filters: dict[str, object], keys: list[str]) -> None:
        assert [row.entry_key for row in ledger.transfers(year, **filters).rows] == keys  # type: ignore[arg-type]  # a table of filters

    def test_agree_with_the_totals_that_they_are_behind(self, year: Session) -> None:
        for dimension in ledger.DIMENSIONS["aid"]:
            for total in ledger.totals(year, book="aid", by=[dimension]).rows:
                rows = ledger.transfers(year, book="aid", where=total.key).rows
                signed_fen = [row.amount_fen if row.debit_account[0] == "p" else -row.amount_fen for row in rows]
                assert (sum(signed_fen), len(rows)) == (total.amount_fen, total.count)

    def test_page_without_repeating_or_losing_a_row_while_others_post(self, books: Session) -> None:
        ledger.post_many(books, [a_sale(f"s{n}", on=DAY + timedelta(days=n % 5)) for n in range(20)])
        before = {row.id for row in ledger.transfers(books).rows}

        seen: list[TransferRow] = []
        cursor, turn = None, 0
        while cursor is not None or not turn:
            page = ledger.transfers(books, after=cursor, limit=3)
            seen += page.rows
            cursor, turn = page.next_cursor, turn + 1
            ledger.post(books, a_sale(f"new{turn}", on=DAY + timedelta(days=turn % 5)))

        assert before <= {row.id for row in seen}
        assert len({row.id for row in seen}) == len(seen)
        assert [(row.effective_on, row.id) for row in seen] == sorted((row.effective_on, row.id) for row in seen)

    @pytest.mark.parametrize("cursor", ["", "x", "2021-09-03", "2021-09-03.zz", "2021-13-01." + "0" * 32, "\x00.\x00"])
    def test_refuse_a_cursor_that_no_page_gave_out(self, books: Session, cursor: str) -> None:
        with pytest.raises(BadCursor):
            ledger.transfers(books, after=cursor)

    def test_refuse_what_cannot_be_asked_for(self, books: Session) -> None:
        refused: list[dict[str, object]] = [
            {"limit": 0},
            {"limit": 1001},
            {"book": "gold"},
            {"account": "asset:gold"},
            {"where": {"town": "x"}},
            {"book": "cash", "where": {"partner": "120000"}},
            {"since": OCTOBER, "until": DAY},
        ]
        for filters in refused:
            with pytest.raises(LedgerError):
                ledger.transfers(books, **filters)  # type: ignore[arg-type]  # a table of bad filters
