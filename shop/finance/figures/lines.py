"""The transfers behind a figure as a file: the lines of the screen, all pages of them, in the same order."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain, islice
from typing import Any

import xlsxwriter
from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session

from shop.finance import documents, drilldown
from shop.finance.documents import TransferLine
from shop.finance.drilldown import Filter
from shop.finance.tables import guarded, plain_yuan
from shop.web import format_instant

MOST = 50_000
"""How many transfers one file holds; a longer list says in its last line that it goes on."""

BOOK_LABELS = {None: lazy_gettext("两本账"), "aid": lazy_gettext("帮扶台账"), "cash": lazy_gettext("资金账")}
_BATCH = 1000
_BYTE_ORDER_MARK = "\ufeff"
_WIDTHS = (12, 12, 10, 30, 8, 34, 34, 30, 34, 16, 16, 18, 44, 10)
_YUAN_COLUMN = 9

Cells = list[str | int]


def every_line(session: Session, chosen: Filter, *, most: int = MOST) -> Iterator[TransferLine]:
    """Return the transfers of a filter, up to one more than `most`, read a batch at a time.

    The first batch is read at once, so that a filter which makes no sense is refused before a file begins.

    Raises:
        InvalidInput: naming the field.
    """
    page = drilldown.transfers(session, chosen, cursor=None, page_size=_BATCH)

    def rest() -> Iterator[TransferLine]:
        cursor = page.next_cursor
        while cursor:
            more = drilldown.transfers(session, chosen, cursor=cursor, page_size=_BATCH)
            yield from documents.transfer_lines(session, more.rows)
            cursor = more.next_cursor

    return islice(chain(documents.transfer_lines(session, page.rows), rest()), most + 1)


def facts(chosen: Filter, *, conditions: Sequence[tuple[str, str]], rules: Sequence[str]) -> list[tuple[str, str]]:
    """Return what a reader must know of the lines: days, conditions, rules, and what was known."""
    named = [(gettext("科目代码"), chosen.account), (gettext("来源单据"), chosen.source)]
    asked = [*conditions, *((label, value) for label, value in named if value)]
    return [
        (gettext("账本"), str(BOOK_LABELS[chosen.book])),
        (gettext("期间"), chosen.period.label),
        (gettext("筛选条件"), "；".join(f"{label}：{value}" for label, value in asked)),
        (gettext("规则版本"), "、".join(rules)),
        (gettext("已知截至"), chosen.known.label),
    ]


def as_csv(found: Iterable[TransferLine], *, is_demo: bool, most: int = MOST) -> Iterator[str]:
    """Yield the parts of a CSV file for spreadsheet programs: UTF-8 with a byte order mark, one transfer a line.

    Amounts are plain numbers, in yuan and in fen. What was typed by people cannot become a formula.
    """
    yield _BYTE_ORDER_MARK + _record(_headings())
    for number, line in enumerate(found):
        if number == most:
            yield _record([_goes_on(most)])
            return
        yield _record(_csv_cells(line, is_demo=is_demo))


def as_xlsx(
    found: Iterable[TransferLine], *, told: Sequence[tuple[str, str]], is_demo: bool, most: int = MOST
) -> bytes:
    """Return a workbook: what was asked for, then the transfers. Rows go out as they are written.

    Amounts are numbers in yuan; texts are texts, whatever was typed.
    """
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"constant_memory": True, "in_memory": False}) as book:
        sheet = book.add_worksheet(gettext("台账流水"))
        heading = book.add_format({"bold": True, "bottom": 2, "bg_color": "#F3EEE6"})
        money = book.add_format({"num_format": "#,##0.00;[Red]-#,##0.00"})
        for column, width in enumerate(_WIDTHS):
            sheet.set_column(column, column, width)
        for row, (name, value) in enumerate(told):
            sheet.write_string(row, 0, name)
            sheet.write_string(row, 1, value)
        first = len(told) + 1
        for column, text in enumerate(_headings()):
            sheet.write_string(first, column, text, heading)
        sheet.freeze_panes(first + 1, 0)
        for row, line in enumerate(found, start=first + 1):
            if row == first + 1 + most:
                sheet.write_string(row, 0, _goes_on(most))
                break
            _write_line(sheet, row, _cells(line, is_demo=is_demo), money=money)
    return out.getvalue()


def _write_line(sheet: Any, row: int, cells: Cells, *, money: Any) -> None:  # noqa: ANN401  # xlsxwriter ships no types
    for column, cell in enumerate(cells):
        if isinstance(cell, str):
            sheet.write_string(row, column, cell)
        elif column == _YUAN_COLUMN:
            sheet.write_number(row, column, Decimal(cell).scaleb(-2), money)
        else:
            sheet.write_number(row, column, cell)


def _headings() -> list[str]:
    return [
        gettext("计入日期"),
        gettext("业务日期"),
        gettext("账本"),
        gettext("单据"),
        gettext("冲销"),
        gettext("借方"),
        gettext("借方科目代码"),
        gettext("贷方"),
        gettext("贷方科目代码"),
        gettext("金额（元）"),
        gettext("金额（分）"),
        gettext("入账时间"),
        gettext("记账编号"),
        gettext("数据性质"),
    ]


def _cells(line: TransferLine, *, is_demo: bool) -> Cells:
    """Return the cells of a line, the amount in fen in both of its columns."""
    row = line.transfer
    return [
        row.effective_on.isoformat(),
        row.occurred_on.isoformat(),
        str(BOOK_LABELS[row.book]),
        line.document.label,
        gettext("冲销") if row.reverses else "",
        line.debit,
        row.debit_account,
        line.credit,
        row.credit_account,
        line.shown_fen,
        line.shown_fen,
        format_instant(row.posted_at),
        row.entry_key,
        gettext("演示数据") if is_demo else gettext("正式数据"),
    ]


def _csv_cells(line: TransferLine, *, is_demo: bool) -> Cells:
    cells = [guarded(cell) if isinstance(cell, str) else cell for cell in _cells(line, is_demo=is_demo)]
    cells[_YUAN_COLUMN] = plain_yuan(line.shown_fen)
    return cells


def _goes_on(most: int) -> str:
    text: str = gettext("只含前 %(most)s 笔，后面还有。请按日期分段导出。", most=most)
    return text


def _record(cells: Sequence[str | int]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
