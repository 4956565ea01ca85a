"""`flask ledger ...`."""

import csv
import io
from dataclasses import replace

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.finance.books import NET_FEN, REVERSED_FEN, post_all
from tests.finance.documents import make_all


@pytest.fixture
def books(app: Flask, session: Session) -> Flask:
    post_all(session)
    return app


def run(app: Flask, *args: str) -> Result:
    return app.test_cli_runner().invoke(args=["ledger", *args])


class TestVerify:
    def test_ends_with_0_when_the_books_agree(self, app: Flask, client: FlaskClient, session: Session) -> None:
        make_all(client, session)

        result = run(app, "verify")

        assert result.exit_code == 0, result.output
        assert "The books agree." in result.output
        assert "WRONG" not in result.output

    @pytest.mark.parametrize(
        ("tampering", "check"),
        [
            ("UPDATE ledger_transfer SET amount_fen = amount_fen + 1 WHERE source = 'sale:B-1'", "payload"),
            ("DELETE FROM ledger_transfer WHERE source = 'sale:B-2'", "entries"),
            ("UPDATE ledger_flow SET amount_fen = amount_fen + 1 WHERE kind = 'order_unpaired'", "flow"),
        ],
    )
    def test_ends_with_1_and_names_the_first_bad_row(
        self, books: Flask, superuser: sa.Engine, tampering: str, check: str
    ) -> None:
        with superuser.begin() as connection:
            connection.execute(sa.text(tampering))

        result = run(books, "verify")

        assert result.exit_code == 1
        wrong = [line for line in result.output.splitlines() if line.startswith("WRONG")]
        assert any(line.startswith(f"WRONG  {check}: 1 of") for line in wrong), result.output


class TestTotals:
    def test_equals_the_other_doors(self, books: Flask) -> None:
        result = run(books, "totals", "--by", "side,partner,county", "--csv")

        rows = list(csv.DictReader(io.StringIO(result.output)))
        assert result.exit_code == 0
        assert sum(int(row["amount_fen"]) for row in rows[:-1]) == int(rows[-1]["amount_fen"]) == NET_FEN
        assert rows[-1]["side"].startswith("total (all sides")
        assert [row["amount_yuan"] for row in rows if row["partner"] == "370200"] == ["800.08"]

    def test_says_what_the_figures_are(self, books: Flask) -> None:
        settings = books.config["SETTINGS"]
        books.config["SETTINGS"] = replace(settings, demo=True)
        try:
            file = run(books, "totals", "--csv", "--from", "2021-01-01", "--to", "2021-09-30").output
            sheet = run(books, "totals", "--book", "cash", "--by", "account").output
        finally:
            books.config["SETTINGS"] = settings

        rows = list(csv.DictReader(io.StringIO(file)))
        assert {(row["period"], row["rules"], row["data"]) for row in rows} == {
            ("2021-01-01 to 2021-09-30", "2021.1", "DEMO DATA, invented")
        }
        assert "total (debits minus credits: zero)\t0.00\t0\t2" in sheet
        assert "rules 2021.1; data DEMO DATA, invented" in sheet

    def test_without_dimensions_is_one_line(self, books: Flask) -> None:
        rows = list(csv.DictReader(io.StringIO(run(books, "totals", "--by", "", "--csv").output)))

        assert [int(row["amount_fen"]) for row in rows] == [NET_FEN]

    def test_includes_both_days(self, books: Flask) -> None:
        result = run(books, "totals", "--by", "month", "--from", "2021-11-01", "--to", "2021-11-01")

        assert f"2021-11\t-33.33\t-{REVERSED_FEN}\t1" in result.output

    @pytest.mark.parametrize(
        "args",
        [
            ("totals", "--by", "colour"),
            ("totals", "--book", "gold"),
            ("totals", "--from", "soon"),
            ("totals", "--from", "2021-02-01", "--to", "2021-01-01"),
            ("statement", "gold"),
            ("statement", "liability:prepaid", "--to", "2021-01-01", "--as-of", "2021-01-01"),
            ("statement",),
        ],
    )
    def test_ends_with_2_when_called_wrongly(self, books: Flask, args: tuple[str, ...]) -> None:
        assert run(books, *args).exit_code == 2


class TestStatement:
    def test_runs_from_opening_to_closing(self, books: Flask) -> None:
        result = run(books, "statement", "partner:120000:assisted:market", "--from", "2021-09-01")

        assert result.exit_code == 0
        lines = result.output.splitlines()
        assert lines[1:3] == ["2021-09-01 to the latest; real data", "opening 100.01"]
        assert lines[-1] == "closing 466.72"
        assert lines[-2].split("\t") == ["2021-11-01", "sale:B-0", "sale:B-0:part", "-33.33", "466.72"]
