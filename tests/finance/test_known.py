"""What was known when: the same figures on every page, file and answer, as of an earlier moment."""

import csv
import io
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.db import business_day
from shop.errors import InvalidInput
from shop.finance import knowledge
from shop.identity.models import Role
from tests import factories
from tests.finance.books import LEARNED, NET_FEN, learn_early, post_all

SEPTEMBER_FEN = 600_06
AT = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = [
    ("2021-10-14", 0),
    (LEARNED, SEPTEMBER_FEN),
    ("2021-10-15T12:00:00%2B08:00", 0),
    ("2021-10-15T04:00:01Z", SEPTEMBER_FEN),
    ("", NET_FEN),
]


@pytest.fixture
def books(session: Session, superuser: sa.Engine) -> Session:
    post_all(session)
    learn_early(superuser)
    return session


@pytest.fixture
def finance(client: FlaskClient, books: Session) -> FlaskClient:
    factories.sign_in(client, factories.user(books, role=Role.FINANCE))
    return client


class TestRead:
    def test_takes_a_day_for_its_end_in_china(self) -> None:
        known = knowledge.read("2021-10-15", at=AT)

        assert known.moment == datetime(2021, 10, 15, 16, tzinfo=UTC)
        assert known.as_query() == {"known_at": "2021-10-15"}

    def test_takes_an_instant_as_it_is(self) -> None:
        known = knowledge.read("2021-10-15T23:30:00+02:00", at=AT)

        assert known.moment == datetime(2021, 10, 15, 21, 30, tzinfo=UTC)
        assert (known.text, known.day) == ("2021-10-15T23:30:00+02:00", "2021-10-16")

    def test_takes_nothing_for_now(self) -> None:
        assert knowledge.read(" ", at=AT) == knowledge.NOW

    def test_takes_the_current_day(self) -> None:
        assert knowledge.read("2026-01-01", at=AT).text == "2026-01-01"

    @pytest.mark.parametrize(
        "text",
        [
            "soon",
            "2021-02-30",
            "2021-10-15T18:00:00",
            "2021-10-15 18:00:00",
            "2026-01-02",
            "2026-01-01T00:00:01Z",
            "1000-01-01",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "2021-10-1五",
        ],
    )
    def test_refuses_what_is_no_moment_or_not_past(self, text: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            knowledge.read(text, at=AT)

        assert [error.field for error in refused.value.errors] == ["known_at"]


@pytest.mark.parametrize(("moment", "known_fen"), MOMENTS)
class TestDoors:
    def test_totals_on_the_api(self, client: FlaskClient, books: Session, moment: str, known_fen: int) -> None:
        headers = factories.bearer(books, factories.user(books, role=Role.AUDITOR))

        body = client.get(f"/api/v1/totals?by=month&known_at={moment}", headers=headers).get_json()

        assert body["total_fen"] == known_fen
        assert (body["known_at"] is None) == (moment == "")

    def test_the_ledger_on_the_api(self, client: FlaskClient, books: Session, moment: str, known_fen: int) -> None:
        headers = factories.bearer(books, factories.user(books, role=Role.AUDITOR))
        query = f"known_at={moment}" if moment else ""

        rows = client.get(f"/api/v1/ledger/transfers?book=aid&{query}", headers=headers)
        accounts = client.get(f"/api/v1/ledger/accounts?prefix=county&{query}", headers=headers)
        account = "partner:120000:direct:canteen"
        state = client.get(f"/api/v1/ledger/accounts/{account}/statement?{query}", headers=headers).get_json()

        signs = {None: 1, "sale:B-0": -1}
        assert sum(row["amount_fen"] * signs[row["reverses"]] for row in rows.get_json()) == known_fen
        assert sum(row["balance_fen"] for row in accounts.get_json()) == known_fen
        assert state["closing_fen"] == sum(line["signed_fen"] for line in state["rows"])
        assert state["closing_fen"] == (200_02 if known_fen else 0)
        assert ("X-Known-At" in rows.headers) == ("X-Known-At" in accounts.headers) == (moment != "")

    def test_pages_and_file(self, finance: FlaskClient, moment: str, known_fen: int) -> None:
        query = f"period=all&cut=month&known_at={moment}"

        page = unescape(finance.get(f"/finance/totals?{query}").get_data(as_text=True))
        file = list(csv.reader(io.StringIO(finance.get(f"/finance/totals.csv?{query}").data.decode("utf-8-sig"))))

        column = file[0].index("金额（分）")
        assert sum(int(row[column]) for row in file[1:-1]) == 2 * known_fen, "the rows and their subtotals"
        assert all((row[file[0].index("已知截至")] == "") == (moment == "") for row in file[1:])
        assert ("之后入账的不算在内" in page) == (moment != "")
        if known_fen and moment:
            assert f"{known_fen / 100:,.2f}" in page


class TestPages:
    def test_keep_the_moment_in_every_link(self, finance: FlaskClient) -> None:
        for url in ("totals?period=all", "transfers?book=aid", "accounts?book=aid", "accounts/county:621202:forest?"):
            page = unescape(finance.get(f"/finance/{url}&known_at={LEARNED}").get_data(as_text=True))
            main = page[page.index("<main") :]
            links = [part.partition('"')[0] for part in main.split('href="/finance/')[1:]]
            links = [link for link in links if link.startswith(("totals", "transfers", "accounts"))]
            without = [link for link in links if f"known_at={LEARNED}" not in link]

            assert len(links) > len(without)
            assert len(without) <= 2, "only those that lead back to now or clear the filter"
            assert f'value="{LEARNED}"' in main

    def test_refuse_a_day_to_come(self, finance: FlaskClient) -> None:
        tomorrow = (business_day() + timedelta(days=1)).isoformat()

        assert finance.get(f"/finance/totals?known_at={tomorrow}").status_code == 422

    def test_name_the_file_after_the_moment(self, finance: FlaskClient) -> None:
        answer = finance.get(f"/finance/totals.csv?period=all&known_at={LEARNED}")

        assert answer.headers["Content-Disposition"].endswith(f'"ganwei-partner-all_known-{LEARNED}.csv"')


class TestCommands:
    @pytest.mark.usefixtures("books")
    def test_count_what_was_known(self, app: Flask) -> None:
        runner = app.test_cli_runner()

        totals = runner.invoke(args=["ledger", "totals", "--by", "", "--known-at", LEARNED])
        account = "county:620821:grain"
        state = runner.invoke(args=["ledger", "statement", account, "--known-at", "2021-10-14"])

        assert "600.06\t60006\t2" in totals.output
        assert f"known_at {LEARNED}" in totals.output
        assert state.output.splitlines()[1] == "All dates; known at 2021-10-14; real data"
        assert state.output.splitlines()[-1] == "closing 0.00"

    @pytest.mark.parametrize("command", [("totals",), ("statement", "liability:prepaid")])
    def test_end_with_2_for_what_is_no_moment(self, app: Flask, command: tuple[str, ...]) -> None:
        assert app.test_cli_runner().invoke(args=["ledger", *command, "--known-at", "soon"]).exit_code == 2
