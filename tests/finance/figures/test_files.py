"""The totals page, its CSV and its XLSX: the same cells, whatever was chosen."""

import csv
import io
import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy.orm import Session

from shop.finance.figures.choice import Cut
from shop.identity.models import Role
from tests import factories
from tests.finance.books import post_all

VIEWS = [
    *(f"cut={cut}&period=all" for cut in Cut),
    *(f"cut={cut}&from=2021-09-01&to=2021-10-31&vs=custom&vs_from=2021-03-01&vs_to=2021-04-30" for cut in Cut),
    "cut=county&from=2021-01-01&to=2021-12-31&vs=last-year",
    "cut=category&period=all&side=eastern&county=620821",
    "cut=flow&period=all&partner=120000",
    "cut=month&period=2021-09&known_at=2021-10-15",
]


@pytest.fixture
def finance(client: FlaskClient, session: Session) -> FlaskClient:
    post_all(session)
    factories.sign_in(client, factories.user(session, role=Role.FINANCE))
    return client


def page_of(client: FlaskClient, query: str) -> str:
    answer = client.get(f"/finance/totals?{query}")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return unescape(answer.get_data(as_text=True))


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def screen_of(page: str) -> list[list[str]]:
    """Read the table of the page, a text a cell; what marks a row as outside the pairings has a cell of its own."""
    found = []
    headings = len(re.findall(r'<th scope="col">', page))
    table = page.partition("<tbody>")[2].partition("</tbody>")[0]
    for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.DOTALL):
        cells = [plain(inner) for inner in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)]
        if "colspan" in row:
            cells[1:1] = [""] * (headings - 1)
        last, is_outside, _ = cells[headings - 1].partition(" 结对关系外")
        cells[headings - 1 : headings] = [last, is_outside.strip()]
        found.append([written(cell) for cell in cells])
    return found


def written(cell: str) -> str:
    """Return a figure of the screen as the files write it."""
    is_number = "¥" in cell or cell.endswith("%")
    return re.sub(r"[¥,%+ ]", "", cell).replace("−", "-") if is_number else cell.replace("—", "")


def csv_of(client: FlaskClient, query: str) -> list[dict[str, str]]:
    text = client.get(f"/finance/totals.csv?{query}").data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def xlsx_of(client: FlaskClient, query: str) -> tuple[dict[str, Any], list[list[Any]]]:
    """Return the facts at the head of the workbook, and the table with its headings."""
    book = CalamineWorkbook.from_filelike(io.BytesIO(client.get(f"/finance/totals.xlsx?{query}").data))
    rows = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    facts = {row[0]: row[1] for row in rows[1:8]}
    table = rows[9:]
    return facts, table[: next(number for number, row in enumerate(table) if not any(row))]


@pytest.mark.parametrize("query", VIEWS)
class TestCellByCell:
    def test_the_csv_file_holds_the_screen(self, finance: FlaskClient, query: str) -> None:
        screen = screen_of(page_of(finance, query))
        file = csv_of(finance, query)

        assert len(screen) > 1 or "known_at" in query
        assert len(file) == len(screen)
        for cells, record in zip(screen, file, strict=True):
            names = [name for name in record if "（分）" not in name]
            assert cells == [record[name] for name in names[: names.index("期间")]]
            for name in [name for name in record if name.endswith("（元）")]:
                assert int(record[name.replace("元", "分")]) == Decimal(record[name]) * 100

    def test_the_workbook_holds_the_csv_file(self, finance: FlaskClient, query: str) -> None:
        file = csv_of(finance, query)
        facts, table = xlsx_of(finance, query)

        headings = [name for name in (file[0] if file else {}) if "（分）" not in name]
        assert len(table) - 1 == len(file)
        for record, row in zip(file, table[1:], strict=True):
            assert table[0] == headings[: len(row)]
            for name, cell in zip(headings, row, strict=False):
                value = record[name]
                assert (value == cell) if isinstance(cell, str) else (Decimal(value) == Decimal(str(cell))), name
            assert facts == {name: record[name] for name in facts} | {"取数时间": facts["取数时间"]}
