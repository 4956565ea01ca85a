"""CSV: which encoding and separator it has, and its rows, read as a stream."""

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path

from flask_babel import lazy_gettext

from shop.assistance.imports.reading.headings import recognised
from shop.assistance.imports.reading.rows import MAX_CELL, MAX_COLUMNS, SheetRow, UnreadableSheet, as_typed, bounded

_PIECE = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CANDIDATES = ("utf-8", "gb18030")
_SEPARATORS = (",", "\t", ";", "，", "|")
_SNIFFED_LINES = 20
_LONGEST_LINE = (MAX_CELL + 3) * MAX_COLUMNS
_NO_TEXT = lazy_gettext("这不是文字表格：请另存为 XLSX，或“CSV UTF-8（逗号分隔）”。")


class CsvReader:
    """Reads a file of text whose rows are separated by line ends, as spreadsheets write them."""

    total: int | None = None

    def __init__(self, path: Path) -> None:
        """Find out how the file is to be read.

        Raises:
            UnreadableSheet: it is in no encoding that is read here, or no text at all.
        """
        self._path = path
        self.encoding = encoding_of(path)
        self.separator = self._separator()

    def rows(self) -> Iterator[SheetRow]:
        """Yield the rows that are not empty."""
        with self._path.open(encoding=self.encoding, newline="") as file:
            # A quote that is never closed would make one cell of all the rest.
            csv.field_size_limit(_LONGEST_LINE)
            reader = csv.reader(file, delimiter=self.separator)
            number = 0
            try:
                for number, cells in enumerate(reader, start=1):
                    row = bounded(number, [as_typed(cell) for cell in cells])
                    if row is not None:
                        yield row
            except csv.Error as error:
                message = lazy_gettext("第%(row)s行之后读不下去：引号没有成对，或内容过长。", row=number)
                raise UnreadableSheet(message) from error

    def _separator(self) -> str:
        with self._path.open(encoding=self.encoding, newline="") as file:
            head = [file.readline(_LONGEST_LINE) for _ in range(_SNIFFED_LINES)]
        return max(_SEPARATORS, key=lambda separator: _headings_in(head, separator))


def encoding_of(path: Path) -> str:
    """Return the encoding in which the whole file is valid.

    Raises:
        UnreadableSheet: there is none, or there are characters that no text has.
    """
    with path.open("rb") as file:
        start = file.read(4)
    for mark, name in _BOMS:
        if start.startswith(mark):
            if not _is_valid(path, name):
                raise UnreadableSheet(_NO_TEXT)
            return name
    for name in _CANDIDATES:
        if _is_valid(path, name):
            return name
    raise UnreadableSheet(_NO_TEXT)


def _is_valid(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while piece := file.read(_PIECE):
                if "\0" in decoder.decode(piece):
                    return False
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _headings_in(lines: list[str], separator: str) -> int:
    try:
        rows = list(csv.reader(io.StringIO("".join(lines), newline=""), delimiter=separator))
    except csv.Error:
        return 0
    return max((recognised(row) for row in rows), default=0)
