"""The verdicts on a sheet as a file: its own columns, the verdict beside them, and a mark to know each row again by.

Who mends the rejected rows in it and sends it again gets them accepted, and the others told as duplicates.
"""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

import xlsxwriter

from shop.assistance.imports.drafting import Origin
from shop.assistance.imports.models import SaleImport, SaleImportRow
from shop.assistance.imports.reading.headings import TRACE, TRACE_EN, VERDICT, VERDICT_EN, is_ours
from shop.assistance.imports.reading.rows import guarded
from shop.assistance.imports.rules import OUTCOME_LABELS, mark_of

_BOM = "\ufeff"
_ROWS_A_PIECE = 500


def as_csv(sheet: SaleImport, rows: Iterable[SaleImportRow], *, language: str) -> Iterator[str]:
    """Yield the file piece by piece; no cell of it is a formula."""
    buffer = io.StringIO(_BOM)
    buffer.seek(0, io.SEEK_END)
    writer = csv.writer(buffer)
    for number, line in enumerate(lines(sheet, rows, language=language), start=1):
        writer.writerow(map(guarded, line))
        if number % _ROWS_A_PIECE == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def as_xlsx(sheet: SaleImport, rows: Iterable[SaleImportRow], *, language: str) -> IO[bytes]:
    """Return the file as a workbook all of whose cells are text, so that none is a formula and no number is cut."""
    file = tempfile.TemporaryFile(prefix="ganwei-verdicts-")  # noqa: SIM115 - it is closed by whoever sends it
    book = xlsxwriter.Workbook(file, {"constant_memory": True})
    page = book.add_worksheet("导入结果" if language == "zh" else "Verdicts")
    text, bold = book.add_format({"num_format": "@"}), book.add_format({"bold": True, "num_format": "@"})
    page.set_column(0, 60, 16, text)
    page.freeze_panes(1, 0)
    for row, line in enumerate(lines(sheet, rows, language=language)):
        for column, cell in enumerate(line):
            page.write_string(row, column, cell, text if row else bold)
    book.close()
    file.seek(0)
    return file


def lines(sheet: SaleImport, rows: Iterable[SaleImportRow], *, language: str) -> Iterator[list[str]]:
    """Yield the headings and each row; what an earlier file of verdicts added gives way to the new verdict."""
    headings = sheet.headings or []
    kept = [index for index, heading in enumerate(headings) if not is_ours(heading)]
    added, trace = (VERDICT, TRACE) if language == "zh" else (VERDICT_EN, TRACE_EN)
    yield [*(headings[index] for index in kept), *added, trace]
    for row in rows:
        cells = [row.cells[index] if index < len(row.cells) else "" for index in kept]
        yield [*cells, *_verdict(row, language), mark_of(Origin(row.origin_id, row.origin_row))]


def _verdict(row: SaleImportRow, language: str) -> list[str]:
    faults = row.faults or []
    return [
        str(OUTCOME_LABELS[row.outcome]),
        row.reference or "",
        *("；".join(fault[name] for fault in faults if fault[name]) for name in ("column", "value", language)),
    ]
