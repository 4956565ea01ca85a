"""The totals table as a file: CSV for programs, XLSX for people. Both hold the lines of the screen, all of them."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import xlsxwriter
from flask_babel import gettext

from shop.finance.figures.choice import CUT_LABELS
from shop.finance.tables import Line, LineKind, Table, guarded, plain_yuan
from shop.web import format_instant

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_A4 = 9
_WIDTHS = {"text": 24, "money": 18, "count": 9, "percent": 11}
_FORMATS = {
    "text": {},
    "money": {"num_format": "#,##0.00;[Red]-#,##0.00"},
    "count": {"num_format": "#,##0"},
    "percent": {"num_format": "0.0"},
}


Value = str | int | Decimal | None


@dataclass(frozen=True)
class Column:
    """A column of the sheet: money is in fen, a percentage a decimal or nothing."""

    heading: str
    kind: str
    values: Sequence[Value]


def columns(table: Table) -> list[Column]:
    """Return the columns of the screen's table, the other period's included when two are compared."""
    lines = table.lines

    def texts(number: int) -> list[str]:
        return [line.cells[number] for line in lines]

    found = [Column(heading, "text", texts(number)) for number, heading in enumerate(table.headings)]
    found += [
        Column(gettext("结对关系"), "text", [_pairing(line) for line in lines]),
        Column(gettext("金额"), "money", [line.amount_fen for line in lines]),
        Column(gettext("笔数"), "count", [line.count for line in lines]),
    ]
    if table.choice.versus:
        found += [
            Column(gettext("对比期金额"), "money", [line.before_fen for line in lines]),
            Column(gettext("对比期笔数"), "count", [line.before_count for line in lines]),
            Column(gettext("增减"), "money", [line.difference_fen for line in lines]),
            Column(gettext("增减百分比"), "percent", [line.change_percent for line in lines]),
        ]
    return found


def facts(table: Table, *, is_demo: bool) -> list[tuple[str, str]]:
    """Return what a reader must know of the figures: days, filters, rules, when they were read, what was known."""
    view, versus = table.view, table.choice.versus
    only = [(gettext("帮扶方"), table.only)] if table.only else []
    conditions = [*only, *((label, value) for _, label, value in table.conditions)]
    return [
        (gettext("期间"), view.period.label),
        (gettext("对比期间"), versus.period.label if versus else ""),
        (gettext("筛选条件"), "；".join(f"{label}：{value}" for label, value in conditions)),
        (gettext("规则版本"), "、".join(view.rules)),
        (gettext("取数时间"), format_instant(view.as_of)),
        (gettext("已知截至"), view.known.label),
        (gettext("数据性质"), gettext("演示数据") if is_demo else gettext("正式数据")),
    ]


def as_csv(table: Table, *, is_demo: bool) -> bytes:
    """Return the table as a CSV file for spreadsheet programs: UTF-8 with a byte order mark, one record a line.

    Amounts are plain numbers, in yuan and in fen. What was typed by people cannot become a formula. Every record says
    what it is, in a demo that too.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    found, told = columns(table), facts(table, is_demo=is_demo)
    writer.writerow([*(heading for column in found for heading in _csv_headings(column)), *(name for name, _ in told)])
    for number in range(len(table.lines)):
        cells = [cell for column in found for cell in _csv_cells(column, number)]
        writer.writerow([*cells, *(guarded(value) for _, value in told)])
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(table: Table, *, is_demo: bool) -> bytes:
    """Return the table as a workbook that prints on A4: a title, what the figures are, the lines, room to sign.

    Amounts are numbers in yuan. Rows go out as they are written, so memory does not grow with them.
    """
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"constant_memory": True, "in_memory": False}) as book:
        sheet = book.add_worksheet(gettext("帮扶汇总"))
        _set_page(sheet, columns(table))
        row = _write_head(book, sheet, table, facts(table, is_demo=is_demo))
        _write_lines(book, sheet, table, first_row=row)
        signatures = (gettext("制表："), gettext("复核："), gettext("负责人："), gettext("日期："))
        sheet.write_string(row + len(table.lines) + 3, 0, "          ".join((gettext("金额单位：元"), *signatures)))
    return out.getvalue()


def _pairing(line: Line) -> str:
    return gettext("结对关系外") if line.is_outside else ""


def _csv_headings(column: Column) -> list[str]:
    if column.kind != "money":
        return [column.heading]
    return [gettext("%(what)s（元）", what=column.heading), gettext("%(what)s（分）", what=column.heading)]


def _csv_cells(column: Column, number: int) -> list[str | int]:
    value = column.values[number]
    if isinstance(value, int):
        return [plain_yuan(value), value] if column.kind == "money" else [value]
    return [guarded(value) if isinstance(value, str) else "" if value is None else str(value)]


def _set_page(sheet: Any, found: Sequence[Column]) -> None:  # noqa: ANN401  # xlsxwriter ships no types
    sheet.set_paper(_A4)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&L&F&R&P / &N")
    for number, column in enumerate(found):
        sheet.set_column(number, number, _WIDTHS[column.kind])


def _write_head(book: Any, sheet: Any, table: Table, told: Sequence[tuple[str, str]]) -> int:  # noqa: ANN401  # as above
    """Write title and facts; return the row of the column headings."""
    title = gettext("帮扶汇总 · %(cut)s", cut=CUT_LABELS[table.choice.cut])
    sheet.write_string(0, 0, title, book.add_format({"bold": True, "font_size": 14}))
    for row, (name, value) in enumerate(told, start=1):
        sheet.write_string(row, 0, name)
        sheet.write_string(row, 1, value)
    return len(told) + 2


def _write_lines(book: Any, sheet: Any, table: Table, *, first_row: int) -> None:  # noqa: ANN401  # as above
    found = columns(table)
    heading = book.add_format({"bold": True, "bottom": 2, "bg_color": "#F3EEE6"})
    styles = {
        (kind, is_bold): book.add_format({**style, "bold": is_bold, "bottom": 4})
        for kind, style in _FORMATS.items()
        for is_bold in (False, True)
    }
    for number, column in enumerate(found):
        text = gettext("%(what)s（元）", what=column.heading) if column.kind == "money" else column.heading
        sheet.write_string(first_row, number, text, heading)
    sheet.freeze_panes(first_row + 1, 0)
    sheet.repeat_rows(first_row)
    for index, line in enumerate(table.lines):
        is_bold = line.kind is not LineKind.ROW
        for number, column in enumerate(found):
            place = (first_row + 1 + index, number)
            _write_cell(sheet, place, column.values[index], (column.kind, styles[column.kind, is_bold]))


def _write_cell(sheet: Any, place: tuple[int, int], value: Value, style: tuple[str, Any]) -> None:  # noqa: ANN401  # as above
    kind, look = style
    if value is None:
        sheet.write_blank(*place, None, look)
    elif isinstance(value, str):
        # As a text: what was typed by people cannot become a formula.
        sheet.write_string(*place, value, look)
    else:
        sheet.write_number(*place, Decimal(value).scaleb(-2) if kind == "money" else value, look)
