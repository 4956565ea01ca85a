"""The transfers behind a figure, as files: what the screen shows, on all of its pages, and nothing else."""

import csv
import io
import re
from datetime import date
from decimal import Decimal
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy.orm import Session

import ledger
from shop.finance.drilldown import Filter
from shop.finance.figures import lines
from shop.identity.models import Role
from tests import factories
from tests.finance.books import NET_FEN, post_all

FILTERS = [
    "book=aid&side=eastern",
    "book=aid&partner=120000&mode=assisted&pairing=inside",
    "book=aid&county=620821&from=2021-03-01&to=2021-11-30",
    "source=receipt:R1",
    "account=asset:bank:test",
    "",
]


@pytest.fixture
def reader(client: FlaskClient, session: Session) -> FlaskClient:
    post_all(session)
    factories.sign_in(client, factories.user(session, role=Role.AUDITOR))
    return client


def shown(client: FlaskClient, query: str) -> list[tuple[str, str, int]]:
    """Read day, credit account and amount of every line of the screen."""
    page = unescape(client.get(f"/finance/transfers?{query}").get_data(as_text=True))
    rows = re.findall(r"<tr>\s*<td class=\"gw-day\".*?</tr>", page, re.DOTALL)
    found = []
    for row in rows:
        day = re.search(r'data-label="计入日期">([\d-]+)', row)
        accounts = re.findall(r'title="([^"]+)"', row)
        amount = re.search(r'data-label="金额">(.*?)</td>', row, re.DOTALL)
        assert day is not None
        assert amount is not None
        digits = re.sub(r"<[^>]+>|[¥,.\s]", "", amount[1]).replace("−", "-")
        found.append((day[1], accounts[-1], int(digits)))
    return found


def records(client: FlaskClient, query: str) -> list[dict[str, str]]:
    answer = client.get(f"/finance/transfers.csv?{query}")
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))


class TestFiles:
    @pytest.mark.parametrize("query", FILTERS)
    def test_hold_the_lines_of_the_screen(self, reader: FlaskClient, query: str) -> None:
        screen = shown(reader, query)
        file = records(reader, query)
        book = CalamineWorkbook.from_filelike(io.BytesIO(reader.get(f"/finance/transfers.xlsx?{query}").data))
        sheet = [row for row in book.get_sheet_by_index(0).to_python() if row[0] != ""]
        heads = next(number for number, row in enumerate(sheet) if row[0] == "计入日期")

        assert screen
        assert [(row["计入日期"], row["贷方科目代码"], int(row["金额（分）"])) for row in file] == screen
        assert [(str(row[0]), row[8], int(Decimal(str(row[10])))) for row in sheet[heads + 1 :]] == screen
        assert all(Decimal(row["金额（元）"]) * 100 == int(row["金额（分）"]) for row in file)

    def test_add_up_to_the_figure(self, reader: FlaskClient) -> None:
        assert sum(int(row["金额（分）"]) for row in records(reader, "book=aid")) == NET_FEN

    def test_refuse_what_the_screen_refuses(self, reader: FlaskClient) -> None:
        for ending in ("csv", "xlsx"):
            answer = reader.get(f"/finance/transfers.{ending}?account=nothing:such")
            assert answer.status_code == 422
            assert "没有这种科目代码" in unescape(answer.get_data(as_text=True))

    def test_say_where_they_end_when_the_list_goes_on(self, app: Flask, session: Session) -> None:
        post_all(session)
        with app.test_request_context():
            told = list(lines.as_csv(lines.every_line(session, Filter(), most=2), is_demo=False, most=2))

        assert len(told) == 4
        assert "只含前 2 笔" in told[-1]

    def test_take_a_typed_text_for_a_text(self, reader: FlaskClient, session: Session) -> None:
        leg = ledger.Leg("asset:bank:test", "liability:unallocated", 1_00, "receipt")
        ledger.post(session, ledger.Draft("cash", "=1+1", date(2021, 7, 1), "=1+1", (leg,)))
        session.commit()

        row = records(reader, "source=%3D1%2B1")[0]
        assert (row["单据"], row["记账编号"]) == ("'=1+1", "'=1+1")
