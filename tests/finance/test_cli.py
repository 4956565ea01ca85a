"""`flask ledger ...`."""

import csv
import io
from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import ledger
from shop.identity.models import Role
from tests import factories
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
        assert lines[-2].split("\t") == ["2021-11-01", "sale:B-0", "sale:B-0:part", "-33.33", "466.72", ""]


class TestSeal:
    def test_seals_everything_and_prints_what_to_keep(self, books: Flask, session: Session) -> None:
        first = run(books, "seal")
        again = run(books, "seal")

        head = ledger.head(session)
        assert first.output.splitlines() == ["sealed 9; waiting 0", f"{head.seq}:{head.hash.hex()}"]
        assert again.output.splitlines() == ["sealed 0; waiting 0", f"{head.seq}:{head.hash.hex()}"]


class TestVerifySince:
    @pytest.fixture
    def kept(self, app: Flask, client: FlaskClient, session: Session) -> str:
        make_all(client, session)
        return run(app, "seal").output.splitlines()[-1]

    def test_ends_with_0_for_the_seal_that_was_kept(self, app: Flask, kept: str) -> None:
        for since in ("0", kept, kept.partition(":")[0], kept.upper()):
            result = run(app, "verify", "--since", since)

            assert result.exit_code == 0, result.output
            assert f"The books agree since seal {since.partition(':')[0]}." in result.output

    def test_ends_with_1_for_another_hash_and_checks_everything(self, app: Flask, kept: str) -> None:
        seq, _, seal_hash = kept.partition(":")

        result = run(app, "verify", "--since", f"{seq}:{'0' * 64}")

        assert result.exit_code == 1
        assert result.output.startswith(f"WRONG  since: seal {seq} is {seal_hash} in the books")
        assert "ok     margins:" in result.output, "which is not checked since a seal"

    def test_ends_with_1_when_the_seal_is_gone(self, app: Flask, kept: str) -> None:
        last = int(kept.partition(":")[0])

        result = run(app, "verify", "--since", str(last + 1))

        assert result.exit_code == 1
        assert f"WRONG  since: there is no seal {last + 1}; the last is {last}" in result.output

    @pytest.mark.parametrize("since", ["", "x", "1:abc", "-1", "1:" + "g" * 64])
    def test_ends_with_2_for_what_is_no_seal(self, app: Flask, since: str) -> None:
        assert run(app, "verify", "--since", since).exit_code == 2

    @pytest.mark.usefixtures("kept")
    def test_names_every_finding(self, app: Flask, superuser: sa.Engine) -> None:
        with superuser.begin() as connection:
            connection.execute(sa.text("UPDATE ledger_entry SET memo = 'x' WHERE book = 'aid'"))
            connection.execute(sa.text("UPDATE sale SET amount_fen = amount_fen + 1 WHERE reference = 'T-1'"))

        lines = run(app, "verify").output.splitlines()

        found = [line for line in lines if line.startswith("found  payload: entry ")]
        assert len(found) == len(set(found)) > 3
        assert any(line.startswith("found  documents: sale:T-1") for line in lines)


class TestMonths:
    def test_closes_and_opens_in_the_name_of_finance(self, books: Flask, session: Session) -> None:
        who = factories.user(session, role=Role.FINANCE).email

        closed = run(books, "close", "aid", "2021-09", "--by", who)
        opened = run(books, "reopen", "aid", "2021-09", "--reason", "wrong county")

        head = ledger.head(session)
        assert (closed.exit_code, opened.exit_code) == (0, 0), closed.output + opened.output
        assert closed.output.splitlines()[0] == "closed aid 2021-09"
        assert closed.output.splitlines()[1] == f"{head.seq}:{head.hash.hex()}"
        changes = ledger.period_changes(session, "aid", date(2021, 9, 1))
        assert [(one.state, one.changed_by, one.reason) for one in changes] == [
            ("closed", who, ""),
            ("open", "command line", "wrong county"),
        ]

    def test_lists_the_months(self, books: Flask) -> None:
        run(books, "close", "cash", "2021-06")

        lines = [line.split("\t") for line in run(books, "periods").output.splitlines()]

        assert lines[0][:3] == ["book", "month", "state"]
        assert ["cash", "2021-06", "closed", "1", "1", "55.55", ""] in [line[:7] for line in lines]
        assert ["aid", "2021-11", "open", "", "1", "33.33", "-33.33"] in [line[:7] for line in lines]
        assert {line.split("\t")[0] for line in run(books, "periods", "--book", "cash").output.splitlines()[1:]} == {
            "cash"
        }

    @pytest.mark.parametrize(
        ("args", "told"),
        [
            (("close", "aid", "2022-05"), "county:unknown:grain"),
            (("close", "aid", "2999-01"), "2999-01 can be closed once it is over."),
            (("reopen", "aid", "2021-09", "--reason", "x"), "2021-09 is not closed"),
        ],
    )
    def test_ends_with_1_when_the_books_refuse(self, books: Flask, args: tuple[str, ...], told: str) -> None:
        result = run(books, *args)

        assert (result.exit_code, told in result.output) == (1, True), result.output

    def test_ends_with_2_for_somebody_who_is_not_in_finance(self, books: Flask, session: Session) -> None:
        auditor = factories.user(session, role=Role.AUDITOR).email

        for email in (auditor, "nobody@example.com"):
            assert run(books, "close", "aid", "2021-09", "--by", email).exit_code == 2

    @pytest.mark.parametrize(
        "args",
        [
            ("close", "gold", "2021-09"),
            ("close", "aid", "2021-9"),
            ("reopen", "aid", "2021-09"),
            ("reopen", "aid", "2021-09", "--reason", " "),
            ("periods", "--book", "gold"),
        ],
    )
    def test_ends_with_2_when_called_wrongly(self, books: Flask, args: tuple[str, ...]) -> None:
        assert run(books, *args).exit_code == 2
