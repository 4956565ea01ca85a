"""XLSX: the rows of the first sheet that has the headings, each cell as the text that the spreadsheet would show."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path

import python_calamine
from flask_babel import lazy_gettext

from shop.assistance.imports.reading.archive import check_workbook
from shop.assistance.imports.reading.headings import ENOUGH, recognised
from shop.assistance.imports.reading.rows import SheetRow, UnreadableSheet, as_typed, bounded

_HEAD_ROWS = 10
_WHOLE = 10**15
"""Beyond it a spreadsheet has lost digits, so the number is shown as it was kept."""


class XlsxReader:
    """Reads a workbook whole, after it was checked to be small enough."""

    def __init__(self, path: Path) -> None:
        """Open the workbook and choose its sheet: the first with headings, else the first.

        Raises:
            UnreadableSheet: it is damaged, too large, or has no sheet.
        """
        with path.open("rb") as file:
            check_workbook(file)
        try:
            self._sheet = _chosen(python_calamine.CalamineWorkbook.from_path(str(path)))
        except python_calamine.CalamineError as error:
            raise UnreadableSheet(lazy_gettext("这个 XLSX 文件已损坏，请用 Excel 或 WPS 重新另存一份。")) from error
        self.total: int | None = self._sheet.total_height

    def rows(self) -> Iterator[SheetRow]:
        """Yield the rows that are not empty."""
        # Some sheets begin further down or further right; the rows then begin at the first used cell.
        for number, values in enumerate(self._sheet.iter_rows(), start=1):
            row = bounded(number, [_text(value) for value in values])
            if row is not None:
                yield row


def _chosen(book: python_calamine.CalamineWorkbook) -> python_calamine.CalamineSheet:
    first = None
    for meta in book.sheets_metadata:
        if meta.typ is not python_calamine.SheetTypeEnum.WorkSheet:
            continue
        sheet = book.get_sheet_by_name(meta.name)
        first = first or sheet
        head = [[_text(value) for value in row] for row in _first_rows(sheet)]
        if max((recognised(row) for row in head), default=0) >= ENOUGH:
            return sheet
    if first is None:
        raise UnreadableSheet(lazy_gettext("这个文件里没有工作表。"))
    return first


def _first_rows(sheet: python_calamine.CalamineSheet) -> Sequence[Sequence[object]]:
    return sheet.to_python(nrows=_HEAD_ROWS) if sheet.height else []


def _text(value: object) -> str:
    if isinstance(value, str):
        return as_typed(value.replace("\0", ""))
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time.min else value.isoformat(" ", "seconds")
    return value.isoformat() if isinstance(value, date) else str(value)


def _number(value: float) -> str:
    # Fifteen digits are what a spreadsheet shows and means; the rest is the noise of binary fractions.
    text = f"{value:.15g}"
    return text if "e" not in text or abs(value) >= _WHOLE else f"{value:.15f}".rstrip("0")
