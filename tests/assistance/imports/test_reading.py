"""Cells and files as people make them."""

import io
import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest
import xlsxwriter
from flask import Flask
from sqlalchemy.orm import Session

from shop.assistance.imports.reading import archive, cells
from shop.assistance.imports.reading.rows import UnreadableSheet
from tests.assistance.imports.conftest import HEADINGS, ROW, Importer, faults, outcomes, row, sheet


@pytest.mark.usefixtures("app")
class TestCells:
    @pytest.mark.parametrize(
        "text", ["1234.5", "1,234.50", "¥1,234.50", "１２３４．５", "1234.5元", "１，２３４．５０元", "1234.500"]
    )
    def test_read_an_amount(self, text: str) -> None:
        assert cells.amount_fen(text) == 1_234_50

    @pytest.mark.parametrize("text", ["1.234", "12,34", "1e3", "abc", "1.2.3", "1万"])
    def test_refuse_what_is_no_exact_amount(self, app: Flask, text: str) -> None:
        with app.test_request_context(), pytest.raises(cells.CellError):
            cells.amount_fen(text)

    @pytest.mark.parametrize(
        "text",
        [
            "2021-09-15", "2021/9/15", "2021.9.15", "2021年9月15日", "20210915", "44454", "44454.5", "２０２１-９-１５",
            "2021-09-15 00:00:00",
        ],
    )  # fmt: skip
    def test_read_a_day(self, text: str) -> None:
        assert cells.day(text) == date(2021, 9, 15)

    @pytest.mark.parametrize("text", ["9/15/2021", "21-9-15", "2021-02-30", "昨天"])
    def test_refuse_what_is_no_certain_day(self, app: Flask, text: str) -> None:
        with app.test_request_context(), pytest.raises(cells.CellError):
            cells.day(text)


class TestCsv:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
    @pytest.mark.parametrize("delimiter", [",", "\t", ";"])
    def test_is_read_in_each_encoding(self, read: Importer, encoding: str, delimiter: str) -> None:
        assert read(sheet(row(产品='引号"和,逗号'), encoding=encoding, delimiter=delimiter)).accepted == 1

    def test_keeps_the_numbers_of_rows_past_a_title_and_empty_rows(self, session: Session, read: Importer) -> None:
        data = "九月销售汇总\n\n".encode() + sheet(row(), {}, row(数量="x"), encoding="utf-8")

        done = read(data)

        assert outcomes(session, done) == ["accepted", "rejected"]
        assert faults(session, done)[0][0] == 6

    def test_tells_of_a_missing_column(self, read: Importer) -> None:
        done = read(sheet(row(), headings=HEADINGS, extrasaction="ignore").replace("金额（元）".encode(), b"x"))

        assert done.status == "failed"
        assert done.problem is not None
        assert "金额" in done.problem["zh"]


class TestXlsx:
    def test_reads_days_numbers_and_text(self, read: Importer) -> None:
        buffer = io.BytesIO()
        with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
            page, day = book.add_worksheet(), book.add_format({"num_format": "yyyy/m/d"})
            page.write_row(0, 0, HEADINGS)
            page.write_row(1, 0, list(ROW.values()))
            page.write_row(2, 0, list((ROW | {"产品": "静宁苹果"}).values()))
            page.write_number(2, HEADINGS.index("金额（元）"), 0.1 + 0.2)
            page.write_datetime(2, HEADINGS.index("销售日期"), datetime(2021, 9, 15), day)  # noqa: DTZ001 - a sheet has no zones

        assert read(buffer.getvalue()).accepted == 2

    def test_that_unpacks_to_too_much_is_refused(self, app: Flask, tmp_path: Path) -> None:
        bomb = tmp_path / "bomb.xlsx"
        with (
            zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as made,
            made.open("xl/worksheets/sheet1.xml", "w") as out,
        ):
            for _ in range(300):
                out.write(b" " * (1 << 20))

        with app.test_request_context(), bomb.open("rb") as file, pytest.raises(UnreadableSheet):
            archive.check_workbook(file)

    def test_with_a_cell_far_out_is_refused(self, app: Flask, tmp_path: Path) -> None:
        wide = tmp_path / "wide.xlsx"
        with zipfile.ZipFile(wide, "w") as made:
            made.writestr("xl/worksheets/sheet1.xml", '<row r="1"><c r="XFD1048576"><v>1</v></c></row>')

        with app.test_request_context(), wide.open("rb") as file, pytest.raises(UnreadableSheet):
            archive.check_workbook(file)
