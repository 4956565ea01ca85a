"""Is a file what it says, and does it stay small when it is unpacked? Asked before any library opens it."""

import re
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from typing import IO

from flask_babel import lazy_gettext

from shop.assistance.imports.models import SheetFormat
from shop.assistance.imports.reading.rows import MAX_COLUMNS, UnreadableSheet

MAX_XLSX_ROWS = 200_000
"""A workbook is read whole; longer sheets come as CSV, which is read as a stream."""
MAX_CELLS = 3_000_000
MAX_UNPACKED = 256 << 20
MAX_MEMBERS = 200

_PIECE = 1 << 16
_LOCAL_HEADER = 30
_ZIP = b"PK\x03\x04"
_FOREIGN = (
    (b"\xd0\xcf\x11\xe0", lazy_gettext("这是旧版 Excel（.xls）或加了密码的文件，请另存为不加密的 XLSX 或 CSV。")),
    (b"%PDF", lazy_gettext("这是 PDF，不是表格。请上传 XLSX 或 CSV。")),
    (b"\x89PNG", lazy_gettext("这是图片，不是表格。请上传 XLSX 或 CSV。")),
    (b"\xff\xd8\xff", lazy_gettext("这是图片，不是表格。请上传 XLSX 或 CSV。")),
)
_SHEETS = "xl/worksheets/"
_CELL = re.compile(rb"<(?:\w+:)?c\b[^>]{0,200}?\br=[\"']([A-Z]{1,4})(\d{1,8})[\"']")
_ROW = re.compile(rb"<(?:\w+:)?row\b[^>]{0,200}?\br=[\"'](\d{1,10})[\"']")
_POINTER = re.compile(rb"\bt=[\"']s[\"'][^>]{0,200}>\s*<(?:\w+:)?v>(\d{1,9})<")
_LONGEST_CELL_START = 400
_TEXTS = "xl/sharedStrings.xml"


def format_of(start: bytes) -> SheetFormat:
    """Tell from its first bytes what a file is; its name may say anything.

    Raises:
        UnreadableSheet: it is empty, or neither a workbook nor text.
    """
    if not start.strip():
        raise UnreadableSheet(lazy_gettext("文件是空的。"))
    for mark, message in _FOREIGN:
        if start.startswith(mark):
            raise UnreadableSheet(message)
    if start.startswith(_ZIP):
        return SheetFormat.XLSX
    if b"\0" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableSheet(lazy_gettext("这不是表格。请上传 XLSX 或 CSV。"))
    return SheetFormat.CSV


def glance(file: IO[bytes]) -> None:
    """Refuse what says of itself that it is no workbook, or too large; `check_workbook` does not believe the rest.

    Raises:
        UnreadableSheet: it is.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _check_directory(archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise UnreadableSheet(_damaged()) from error


def check_workbook(file: IO[bytes]) -> None:
    """Unpack a workbook piece by piece, keeping nothing, and refuse it if it would not fit.

    Sizes are counted, not believed, and so are the places of the cells: one cell far out makes a huge sheet.

    Raises:
        UnreadableSheet: it is no workbook, is damaged, or holds more than a sheet of sales.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_directory(members)
            _check_members(file, members)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, ValueError) as error:
        raise UnreadableSheet(_damaged()) from error


def _check_directory(members: list[zipfile.ZipInfo]) -> None:
    if not any(member.filename.startswith(_SHEETS) for member in members):
        raise UnreadableSheet(lazy_gettext("这个压缩文件里没有工作表。请上传 XLSX 或 CSV。"))
    if len(members) > MAX_MEMBERS:
        raise UnreadableSheet(lazy_gettext("这个文件里的部件太多，不像一张销售表。"))
    if sum(member.file_size for member in members) > MAX_UNPACKED:
        raise UnreadableSheet(_too_large())


def _check_members(file: IO[bytes], members: list[zipfile.ZipInfo]) -> None:
    texts, room, room_in_cells = _Texts(), MAX_UNPACKED, MAX_UNPACKED
    for member in sorted(members, key=lambda member: member.filename != _TEXTS):
        extent, tail = _Extent(), b""
        for piece in _unpacked(file, member):
            room -= len(piece)
            if member.filename == _TEXTS:
                texts.see(piece)
            elif member.filename.startswith(_SHEETS):
                # What a piece cuts in two is seen with the next one.
                extent.see(tail + piece)
                room_in_cells -= texts.used_by(tail + piece)
                tail = piece[-_LONGEST_CELL_START:]
            if min(room, room_in_cells) < 0:
                raise UnreadableSheet(_too_large())


class _Texts:
    """The workbook's table of texts, as their lengths: cells that repeat one long text unpack to far more than it."""

    def __init__(self) -> None:
        self.lengths = array("I")
        self._rest = b""

    def see(self, piece: bytes) -> None:
        """Take note of the texts that end in a piece."""
        *whole, self._rest = (self._rest + piece).split(b"</si>")
        self.lengths.extend(map(len, whole))

    def used_by(self, cells: bytes) -> int:
        """Return how long the texts are that cells point at."""
        return sum(self.lengths[int(number)] for number in _POINTER.findall(cells) if int(number) < len(self.lengths))


class _Extent:
    """How far a worksheet reaches."""

    def __init__(self) -> None:
        self.rows = self.columns = 0

    def see(self, piece: bytes) -> None:
        """Take note of the places in a piece, and refuse one too far out."""
        self.rows = max(self.rows, *(int(row) for row in _ROW.findall(piece)), 0)
        for letters, row in set(_CELL.findall(piece)):
            self.columns = max(self.columns, _column(letters))
            self.rows = max(self.rows, int(row))
        if self.columns > MAX_COLUMNS:
            raise UnreadableSheet(lazy_gettext("表格超过%(count)s列。请删去多余的列再上传。", count=MAX_COLUMNS))
        if self.rows > MAX_XLSX_ROWS or self.rows * self.columns > MAX_CELLS:
            raise UnreadableSheet(_too_large())


def _damaged() -> str:
    return str(lazy_gettext("这个 XLSX 文件已损坏，请用 Excel 或 WPS 重新另存一份。"))


def _too_large() -> str:
    return str(lazy_gettext("XLSX 最多%(count)s行。请拆成几个文件，或另存为 CSV 再上传。", count=MAX_XLSX_ROWS))


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _unpacked(file: IO[bytes], member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Unpack a member from where it lies, to its real end, whatever size the directory gives."""
    if member.flag_bits & 1 or member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise zipfile.BadZipFile(member.filename)
    file.seek(member.header_offset)
    header = file.read(_LOCAL_HEADER)
    if len(header) < _LOCAL_HEADER or not header.startswith(_ZIP):
        raise zipfile.BadZipFile(member.filename)
    file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1)
    if member.compress_type == zipfile.ZIP_STORED:
        yield from _stored(file, member.compress_size)
        return
    unpack = zlib.decompressobj(-zlib.MAX_WBITS)
    while not unpack.eof:
        packed = unpack.unconsumed_tail or file.read(_PIECE)
        piece = unpack.decompress(packed, _PIECE)
        if not packed and not piece:
            raise zipfile.BadZipFile(member.filename)
        yield piece


def _stored(file: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0:
        piece = file.read(min(_PIECE, size))
        if not piece:
            return
        size -= len(piece)
        yield piece
