"""The template of a sheet of sales: headings, lists to choose from, an example and how to fill it in."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import xlsxwriter
from flask_babel import force_locale, gettext

from shop.assistance.models import SaleMode
from shop.assistance.rules import EVIDENCE_LABELS, MODE_LABELS

HEADINGS = (
    "编号", "帮扶方", "帮扶方式", "销售渠道", "产地县", "品类", "产品", "数量", "单位", "金额（元）", "销售日期",
    "采购方", "凭证种类", "凭证编号", "凭证种类2", "凭证编号2",
)  # fmt: skip
_LAST_ROW = 100_000
_TEXT_COLUMNS = ("编号", "凭证编号", "凭证编号2")
_WIDTHS = {"产品": 22, "采购方": 26, "凭证编号": 26, "凭证编号2": 26, "编号": 16}


@dataclass(frozen=True)
class Choices:
    """The names to choose from, in Chinese, as the registry has them."""

    partners: Sequence[str]
    channels: Sequence[str]
    counties: Sequence[str]
    categories: Sequence[str]


def example(choices: Choices) -> list[list[str]]:
    """Return rows as somebody would fill them in."""
    partner, channel, county, category = (
        names[0] for names in (choices.partners, choices.channels, choices.counties, choices.categories)
    )
    direct, assisted = (str(MODE_LABELS[mode]) for mode in (SaleMode.DIRECT, SaleMode.ASSISTED))
    kinds = [str(label) for label in EVIDENCE_LABELS.values()]
    return [
        [
            "XS-0001", partner, assisted, channel, county, category, "苹果", "120.5", "箱", "12345.60", "2021-09-15",
            "某超市", kinds[0], "21622000000000000017", "", "",
        ],
        [
            "", partner, direct, channel, county, category, "小米", "40", "袋", "1,280", "2021/9/16", "某单位食堂",
            kinds[1], "HT-2021-007", kinds[3], "SH-0916-2",
        ],
    ]  # fmt: skip


def notes() -> list[str]:
    """Return how to fill the sheet in, a line each."""
    return [
        gettext("第一行是列名，列的先后不限；不需要的列（编号、第二份凭证）可以删去。"),
        gettext("编号可以不填。填了编号，同一编号只记一次；不填时，内容完全相同的几行各记一笔。"),
        gettext("帮扶方、渠道、产地、品类可以写名称，也可以写代码；产地不明请写“不明”。"),
        gettext("金额单位为元，含税、不含运费，最多两位小数。"),
        gettext("日期年在前，如 2021-09-15、2021/9/15、2021年9月15日。"),
        gettext("发票号码等长号码请保持文本格式；同一张发票、同一个平台订单只能支持一笔销售。"),
        gettext("一格里有几个凭证编号时用分号隔开。不要合并单元格。"),
        gettext("上传后逐行给出结果。下载结果文件，改正未通过的行后重新上传即可，已受理的行不会重复记。"),
        gettext("XLSX 最多20万行；更多的行请另存为 CSV（UTF-8 或 GB18030 均可）。"),
    ]


def as_csv() -> bytes:
    """Return the headings as CSV that a Chinese spreadsheet opens rightly."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow(HEADINGS)
    return buffer.getvalue().encode("utf-8-sig")


def as_xlsx(choices: Choices) -> bytes:
    """Return the template as a workbook, in Chinese for every reader."""
    buffer = io.BytesIO()
    with force_locale("zh"), xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet, shown = book.add_worksheet("销售明细"), book.add_worksheet("示例")
        options, told = book.add_worksheet("选项"), book.add_worksheet("填写说明")
        _columns(book, sheet)
        _columns(book, shown)
        text = book.add_format({"num_format": "@"})
        for row, cells in enumerate(example(choices), start=1):
            for column, cell in enumerate(cells):
                shown.write_string(row, column, cell, text)
        _lists(sheet, options, choices)
        told.set_column(0, 0, 100)
        for row, line in enumerate(notes()):
            told.write_string(row, 0, f"{row + 1}. {line}")
    return buffer.getvalue()


def _columns(book: xlsxwriter.Workbook, sheet: xlsxwriter.workbook.Worksheet) -> None:
    head = book.add_format({"bold": True, "bg_color": "#E7F0E9", "border": 1, "align": "center"})
    text, day = book.add_format({"num_format": "@"}), book.add_format({"num_format": "yyyy-mm-dd"})
    for column, heading in enumerate(HEADINGS):
        looks = text if heading in _TEXT_COLUMNS else day if heading == "销售日期" else None
        sheet.set_column(column, column, _WIDTHS.get(heading, 14), looks)
        sheet.write_string(0, column, heading, head)
    sheet.freeze_panes(1, 0)


def _lists(sheet: xlsxwriter.workbook.Worksheet, options: xlsxwriter.workbook.Worksheet, choices: Choices) -> None:
    kinds = [str(label) for label in EVIDENCE_LABELS.values()]
    lists = {
        "帮扶方": choices.partners,
        "帮扶方式": [str(label) for label in MODE_LABELS.values()],
        "销售渠道": choices.channels,
        "产地县": [*choices.counties, "不明"],
        "品类": choices.categories,
        "凭证种类": kinds,
        "凭证种类2": kinds,
    }
    for place, (heading, names) in enumerate(lists.items()):
        options.set_column(place, place, 18)
        options.write_column(0, place, [heading, *names])
        letter = chr(ord("A") + place)
        column = HEADINGS.index(heading)
        sheet.data_validation(
            1,
            column,
            _LAST_ROW,
            column,
            {
                "validate": "list",
                "source": f"=选项!${letter}$2:${letter}${len(names) + 1}",
                # A code is as good as a name, so another text warns and is let in.
                "error_type": "warning",
                "error_title": "不在选项中",
                "error_message": "请从列表中选择，或填写代码。",
            },
        )
