"""What every reader of a sheet gives, and why one is refused as a whole."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from flask_babel import LazyString, lazy_gettext

from shop.errors import ShopError

MAX_COLUMNS = 60
MAX_CELL = 2_000
MAX_ROWS = 1_200_000

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class UnreadableSheet(ShopError):
    """The file is no sheet that can be read; nothing of it was taken."""

    status = 422
    code = "sheet-unreadable"
    title = lazy_gettext("这个文件无法读取")

    def __init__(self, detail: LazyString | str) -> None:
        """Keep why."""
        super().__init__(detail)


class SheetRow(NamedTuple):
    """One row that is not empty, numbered as the spreadsheet numbers it."""

    number: int
    cells: list[str]


class Reader(Protocol):
    """Rows in their order. `total` is how many there are about, None where only reading tells."""

    total: int | None

    def rows(self) -> Iterator[SheetRow]: ...


def bounded(number: int, cells: list[str]) -> SheetRow | None:
    """Return a row without its empty tail; None for an empty one.

    Raises:
        UnreadableSheet: it is wider, longer or further down than any sheet of sales.
    """
    if number > MAX_ROWS:
        raise UnreadableSheet(lazy_gettext("表格超过%(count)s行，请拆成几个文件。", count=MAX_ROWS))
    while cells and not cells[-1]:
        cells.pop()
    if not cells:
        return None
    if len(cells) > MAX_COLUMNS:
        raise UnreadableSheet(
            lazy_gettext(
                "第%(row)s行有%(columns)s列，最多%(count)s列。", row=number, columns=len(cells), count=MAX_COLUMNS
            )
        )
    if max(map(len, cells)) > MAX_CELL:
        raise UnreadableSheet(lazy_gettext("第%(row)s行有单元格超过%(count)s个字。", row=number, count=MAX_CELL))
    return SheetRow(number, cells)


def as_typed(text: str) -> str:
    """Return a cell's text without blanks around it, and without the mark that keeps it from being a formula."""
    text = text.strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_STARTS) else text


def guarded(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula; `as_typed` undoes it."""
    return "'" + text if text.startswith(FORMULA_STARTS) else text
