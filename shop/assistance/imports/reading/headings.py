"""Which column means what: headings in Chinese or English, in any order, with or without remarks in brackets."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from flask_babel import lazy_gettext

from shop.assistance.imports.reading.rows import UnreadableSheet
from shop.assistance.models import EvidenceKind

ENOUGH = 4
"""So many known headings make a row the row of headings."""

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "reference": ("编号", "销售编号", "上报编号", "单号", "reference", "sale reference"),
        "partner": ("帮扶方", "帮扶单位", "协作方", "partner"),
        "mode": ("帮扶方式", "方式", "mode"),
        "channel": ("销售渠道", "渠道", "channel"),
        "county": ("产地", "产地县", "产地县区", "县区", "county", "county of origin", "origin"),
        "category": ("品类", "类别", "category"),
        "product": ("产品", "产品名称", "品名", "商品", "商品名称", "product"),
        "quantity": ("数量", "quantity"),
        "unit": ("单位", "计量单位", "unit"),
        "amount": ("金额", "销售金额", "销售额", "amount", "amount yuan", "amount cny"),
        "amount_fen": ("金额分", "amount fen"),
        "sold_on": ("销售日期", "日期", "成交日期", "sold on", "date", "date of sale"),
        "buyer": ("采购方", "采购单位", "购买方", "买方", "buyer"),
    }
)
EVIDENCE_KIND = ("凭证种类", "凭证类型", "evidence kind", "evidence type")
EVIDENCE_NUMBER = ("凭证编号", "凭证号码", "凭证号", "evidence number")
PAPERS: Mapping[EvidenceKind, tuple[str, ...]] = MappingProxyType(
    {
        EvidenceKind.INVOICE: ("发票", "发票号码", "发票号", "invoice", "invoice number"),
        EvidenceKind.CONTRACT: ("合同", "合同编号", "合同号", "contract", "contract number"),
        EvidenceKind.PLATFORM_ORDER: ("平台订单", "平台订单号", "订单号", "platform order", "platform order number"),
        EvidenceKind.DELIVERY_NOTE: ("送货单", "送货单号", "发货单号", "delivery note", "delivery note number"),
        EvidenceKind.ACCEPTANCE_NOTE: ("验收单", "验收单号", "acceptance note", "acceptance note number"),
        EvidenceKind.BANK_SLIP: ("银行回单", "银行回单号", "回单号", "bank slip", "bank slip number"),
    }
)
TRACE = "导入行标识"
"""The column by which a mended row is known again."""
VERDICT = ("导入结果", "所记销售", "有误的列", "有误的值", "原因")
"""What a file of verdicts adds; on its way back they say nothing."""
VERDICT_EN = ("Import result", "Recorded sale", "Wrong column", "Wrong value", "Reason")
TRACE_EN = "Import row mark"

REQUIRED = ("mode", "channel", "county", "category", "product", "quantity", "unit", "sold_on", "buyer")

_REMARK = re.compile(r"\(.*?\)|\[.*?\]|[*:]")
_SEPARATORS = re.compile(r"[\s_/、·-]+")
_NUMBERED = re.compile(r"(\D+?)\s*([1-9])")


@dataclass(frozen=True)
class Columns:
    """Where each field stands. `kinds` and `numbers` pair by their numbers; `papers` hold one kind each."""

    headings: tuple[str, ...]
    fields: Mapping[str, int]
    kinds: Mapping[int, int]
    numbers: Mapping[int, int]
    papers: tuple[tuple[EvidenceKind, int], ...]
    trace: int | None
    unknown: tuple[str, ...]


def recognised(cells: Sequence[str]) -> int:
    """Return how many different columns a row of cells would name."""
    meanings = {meaning for cell in cells if (meaning := _meaning(cell)) is not None}
    return sum(group not in {"verdict", "trace"} for group, _ in meanings)


def is_ours(heading: str) -> bool:
    """Tell whether a column comes from a file of verdicts."""
    meaning = _meaning(heading)
    return meaning is not None and meaning[0] in {"verdict", "trace"}


def columns_of(cells: Sequence[str], *, needs_partner: bool) -> Columns:
    """Read a row of headings.

    Raises:
        UnreadableSheet: a column is missing or comes twice.
    """
    places: dict[tuple[str, str], int] = {}
    unknown = []
    for index, cell in enumerate(cells):
        meaning = _meaning(cell)
        if meaning is None:
            unknown += [cell] if cell else []
        elif meaning in places:
            first = cells[places[meaning]]
            raise UnreadableSheet(
                lazy_gettext("“%(first)s”和“%(second)s”是同一列，只能有一列。", first=first, second=cell)
            )
        elif meaning[0] != "verdict":
            places[meaning] = index
    columns = Columns(
        headings=tuple(cells),
        fields={name: index for (group, name), index in places.items() if group == "field"},
        kinds={int(name): index for (group, name), index in places.items() if group == "kind"},
        numbers={int(name): index for (group, name), index in places.items() if group == "number"},
        papers=tuple((EvidenceKind(name), index) for (group, name), index in places.items() if group == "paper"),
        trace=places.get(("trace", "")),
        unknown=tuple(unknown),
    )
    _check_complete(columns, needs_partner=needs_partner)
    return columns


def _check_complete(columns: Columns, *, needs_partner: bool) -> None:
    required = ("partner", *REQUIRED) if needs_partner else REQUIRED
    missing = [FIELDS[name][0] for name in required if name not in columns.fields]
    if not {"amount", "amount_fen"} & columns.fields.keys():
        missing.append(FIELDS["amount"][0])
    if not columns.papers and not (columns.kinds and columns.numbers):
        missing.append(EVIDENCE_NUMBER[0])
    if missing:
        raise UnreadableSheet(lazy_gettext("缺少列：%(names)s。请按模板填写列名。", names="、".join(missing)))
    if {"amount", "amount_fen"} <= columns.fields.keys():
        raise UnreadableSheet(lazy_gettext("“金额”和“金额（分）”只能有一列。"))
    unpaired = columns.numbers.keys() - columns.kinds.keys()
    if unpaired:
        name = columns.headings[columns.numbers[min(unpaired)]]
        raise UnreadableSheet(lazy_gettext("“%(name)s”旁边缺少“凭证种类”列。", name=name))


def _plain(heading: str) -> str:
    text = unicodedata.normalize("NFKC", heading).casefold()
    # The unit belongs to the name: an amount in fen is another column than one in yuan.
    text = text.replace("(分)", "分").replace("(fen)", " fen").replace("(元)", "").replace("(yuan)", "")
    return _SEPARATORS.sub(" ", _REMARK.sub("", text)).strip()


def _names() -> dict[str, tuple[str, str]]:
    known = {alias: ("field", name) for name, aliases in FIELDS.items() for alias in aliases}
    known |= {alias: ("paper", kind.value) for kind, aliases in PAPERS.items() for alias in aliases}
    known |= {_plain(word): ("verdict", word) for word in (*VERDICT, *VERDICT_EN)}
    return known | {TRACE: ("trace", ""), _plain(TRACE_EN): ("trace", "")}


_KNOWN = _names()


def _meaning(heading: str) -> tuple[str, str] | None:
    plain = _plain(heading)
    if plain in _KNOWN:
        return _KNOWN[plain]
    numbered = _NUMBERED.fullmatch(plain)
    base, number = (numbered[1].strip(), numbered[2]) if numbered else (plain, "1")
    if base in EVIDENCE_KIND:
        return "kind", number
    if base in EVIDENCE_NUMBER:
        return "number", number
    return None
