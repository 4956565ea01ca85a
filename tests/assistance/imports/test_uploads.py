"""Files that are no sheets of sales, or mean harm: each is refused with a reason, or read as what it is."""

import csv
import io
import random
import zipfile
from typing import Any

import pytest
import sqlalchemy as sa
import xlsxwriter
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.assistance.imports import service
from shop.assistance.imports.models import SaleImport, SaleImportPart
from shop.assistance.imports.reading import archive
from shop.assistance.imports.work import due
from shop.assistance.models import Sale
from shop.db import transaction
from shop.identity.models import Role
from tests import factories
from tests.assistance.imports.conftest import HEADINGS, ROW, row, sheet
from tests.assistance.sales import People

MIB = 1 << 20
UNPACKED = 4 * MIB


@pytest.fixture(autouse=True)
def smaller_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small files be bombs."""
    monkeypatch.setattr(archive, "MAX_UNPACKED", UNPACKED)


def packed(**members: bytes) -> bytes:
    """Return an archive of the members, whose names have _ for /."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "/"), data)
    return buffer.getvalue()


def workbook(*lines: list[str], wide: int = 0) -> bytes:
    """Return a workbook with lines of text, and a cell far to the right."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        page = book.add_worksheet()
        for number, line in enumerate(lines):
            for column, cell in enumerate(line):
                page.write_string(number, column, cell)
        if wide:
            page.write_string(1, wide, "x")
    return buffer.getvalue()


def lying_bomb() -> bytes:
    """Return an archive that says it is small, and unpacks to too much."""
    data = packed(xl__worksheets__sheet1=b"<row>" + b" " * (2 * UNPACKED))
    at = data.rindex(b"PK\x01\x02")
    return data[: at + 24] + (1000).to_bytes(4, "little") + data[at + 28 :]


REFUSED_AT_THE_DOOR = {
    "nothing": b"",
    "blanks only": b" \r\n\t \n",
    "an old workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
    "a PDF named .csv": b"%PDF-1.7\n%\xe2\xe3",
    "a picture named .xlsx": b"\x89PNG\r\n\x1a\n" + b"\0" * 60,
    "a program named .csv": b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 8,
    "an archive that is no workbook": packed(readme=b"hello"),
    "a workbook cut short": workbook(list(HEADINGS))[:-300],
    "half a header": b"PK\x03\x04 and no more",
    "a bomb": packed(xl__worksheets__sheet1=b" " * (2 * UNPACKED)),
    "three hundred parts": packed(xl__worksheets__sheet1=b"x", **{f"part{number}": b"" for number in range(300)}),
}
REFUSED_BY_THE_WORKER = {
    "a bomb that lies about its size": lying_bomb(),
    "NUL bytes further in": sheet(row()) + b"a," * 4000 + b"\0\0\0" + b"\r\n" * 20,
    "noise": "编号,".encode() + random.Random(7).randbytes(20_000).replace(b"\0", b"\xff"),  # noqa: S311 -- the same noise
    "ten thousand columns": b",".join(b"c%d" % number for number in range(10_000)) + b"\r\n" + b"1," * 9_999 + b"1\r\n",
    "ten thousand columns below the headings": sheet(row()) + b"1," * 9_999 + b"1\r\n",
    "a workbook of ten thousand columns": workbook(list(HEADINGS), list(ROW.values()), wide=10_000),
    "a workbook that is damaged inside": packed(xl__worksheets__sheet1=b"<worksheet><row"),
    "a cell without end": sheet(row()) + b'"' + b"x" * (MIB // 4),
    "a huge cell": sheet(row(产品="x" * 5_000)),
    "no headings": b"a,b,c\r\n1,2,3\r\n",
    "a page of the web": b"<!doctype html><html><body><table><tr><td>1</td></tr></table></body></html>",
}


def multipart(data: bytes, name: str, **fields: str) -> dict[str, Any]:
    """Return the body of a request with a file; the client's own would leave a file of the disk open."""
    parts = [f'--edge\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{fields[field]}\r\n' for field in fields]
    head = f'--edge\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = "".join([*parts, head]).encode() + data + b"\r\n--edge--\r\n"
    return {"data": body, "content_type": "multipart/form-data; boundary=edge"}


class Door:
    """The form and the API, as an officer of Tianjin's."""

    def __init__(self, client: FlaskClient, session: Session) -> None:
        """Sign in."""
        self.client, self.session = client, session
        self.headers = People(session).officer
        factories.sign_in(client, factories.user(session, role=Role.PARTNER_OFFICER))
        self.token = factories.csrf_token(client.get("/sales/imports").get_data(as_text=True))

    def form(self, data: bytes, name: str = "销售.csv") -> Any:
        """Send a file by the form."""
        return self.client.post("/sales/imports", **multipart(data, name, csrf_token=self.token))

    def api(self, data: bytes, name: str = "销售.csv") -> Any:
        """Send a file by the API."""
        return self.client.post("/api/v1/sales/imports", headers=self.headers, **multipart(data, name))

    def count(self, what: type) -> int:
        """Return how many rows of a table there are."""
        with transaction():
            return self.session.scalar(sa.select(sa.func.count()).select_from(what)) or 0


@pytest.fixture
def door(client: FlaskClient, session: Session) -> Door:
    """Return such a door."""
    return Door(client, session)


class TestDoor:
    @pytest.mark.parametrize("data", REFUSED_AT_THE_DOOR.values(), ids=REFUSED_AT_THE_DOOR)
    @pytest.mark.parametrize("name", ["销售.csv", "销售.xlsx"])
    def test_refuses_what_is_no_sheet_whatever_its_name(self, door: Door, data: bytes, name: str) -> None:
        shown, told = door.form(data, name), door.api(data, name)

        assert (shown.status_code, told.status_code) == (422, 422)
        page = shown.get_data(as_text=True)
        assert "gw-field-error" in page
        assert told.get_json()["detail"] in page
        assert door.count(SaleImport) == door.count(SaleImportPart) == 0

    def test_asks_for_a_file(self, door: Door) -> None:
        without = door.client.post("/sales/imports", data={"csrf_token": door.token})
        told = door.client.post("/api/v1/sales/imports", data={}, headers=door.headers)

        assert (without.status_code, told.status_code) == (422, 422)
        assert "请选择一个 XLSX 或 CSV 文件" in without.get_data(as_text=True)

    def test_refuses_what_is_too_large(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "MAX_BYTES", MIB)

        by_the_service = door.form(b"x" * (MIB + 1)), door.api(b"x" * (MIB + 1))
        before_it_is_read = door.form(b"x" * (3 * MIB)), door.api(b"x" * (3 * MIB))

        assert [answer.status_code for answer in (*by_the_service, *before_it_is_read)] == [413] * 4
        assert "最大 1 MB" in by_the_service[0].get_data(as_text=True)
        assert door.count(SaleImport) == door.count(SaleImportPart) == 0

    def test_takes_no_large_body_from_who_sends_no_sheets(self, client: FlaskClient, session: Session) -> None:
        headers = factories.bearer(session, factories.user(session))

        answer = client.post("/api/v1/sales/imports", headers=headers, **multipart(b"x" * (40 * MIB), "a.csv"))

        assert answer.status_code in {403, 413}


class TestWorker:
    @pytest.mark.parametrize("data", REFUSED_BY_THE_WORKER.values(), ids=REFUSED_BY_THE_WORKER)
    def test_tells_why_it_cannot_read_a_file(self, door: Door, data: bytes) -> None:
        sent = door.form(data)
        assert sent.status_code == 302, sent.get_data(as_text=True)

        assert due.work_off() == 1

        page = door.client.get(sent.location)
        told = door.client.get(f"/api/v1{sent.location}", headers=door.headers).get_json()
        assert (page.status_code, told["status"]) == (200, "failed")
        assert told["problem"]
        assert told["problem"] in page.get_data(as_text=True)
        assert door.count(SaleImportPart) == 0

    def test_keeps_what_was_read_before_a_row_that_is_none(self, door: Door) -> None:
        sent = door.form(sheet(row()) + b"1," * 9_999 + b"1\r\n")
        due.work_off()

        told = door.client.get(f"/api/v1{sent.location}", headers=door.headers).get_json()

        assert told["accepted"] == door.count(Sale)

    def test_reads_text_in_a_file_with_another_name(self, door: Door) -> None:
        sent = door.form(sheet(row()), "照片.png")
        due.work_off()

        assert door.client.get(f"/api/v1{sent.location}", headers=door.headers).get_json()["accepted"] == 1


FORMULAS = ('=HYPERLINK("http://evil.example","x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "＝1+1")


class TestFilesToMend:
    @pytest.mark.parametrize("formula", FORMULAS)
    def test_hold_no_formula_and_give_the_text_back(self, door: Door, formula: str) -> None:
        sent = door.form(sheet(row(采购方=formula, 数量="many")))
        due.work_off()

        with door.client.get(f"{sent.location}/verdicts.csv?only=rejected") as answer:
            text = answer.get_data(as_text=True).removeprefix("\ufeff")
        with door.client.get(f"{sent.location}/verdicts.xlsx?only=rejected") as answer:
            inside = zipfile.ZipFile(io.BytesIO(answer.data)).read("xl/worksheets/sheet1.xml")
        (line,) = csv.DictReader(io.StringIO(text))

        assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in line.values())
        assert b"<f>" not in inside
        line["数量"] = "1"
        again = door.form(sheet(line, headings=list(line)))
        due.work_off()
        told = door.client.get(f"/api/v1{again.location}", headers=door.headers).get_json()
        assert told["accepted"] == 1
        with transaction():
            assert door.session.scalars(sa.select(Sale.buyer)).one() == formula.strip()

    def test_of_headings_that_are_formulas_hold_none(self, door: Door) -> None:
        sent = door.form(sheet(row(数量="many") | {"=1+1": "x"}, headings=[*HEADINGS, "=1+1"]))
        due.work_off()

        with door.client.get(f"{sent.location}/verdicts.csv") as answer:
            head = answer.get_data(as_text=True).splitlines()[0]

        assert ",'=1+1," in head


def test_a_bomb_is_counted_not_believed() -> None:
    with pytest.raises(archive.UnreadableSheet):
        archive.check_workbook(io.BytesIO(lying_bomb()))
