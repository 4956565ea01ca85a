"""From a row's cells to the draft that the form for one sale would make. It reads; `rules` decides."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeVar
from uuid import UUID

from flask_babel import gettext

from shop.assistance.imports.reading import cells as reading
from shop.assistance.imports.reading.headings import Columns
from shop.assistance.models import EvidenceKind, SaleMode
from shop.assistance.rules import EVIDENCE_LABELS, MODE_LABELS, Paper, SaleDraft
from shop.errors import FieldError

_MARK = 32
_T = TypeVar("_T")


class Origin(NamedTuple):
    """The import and the row in which a mended row first came."""

    import_id: UUID
    row: int


class Reading:
    """What was read of one row so far."""

    draft: SaleDraft

    def __init__(self, columns: Columns, cells: list[str]) -> None:
        self.errors: list[FieldError] = []
        self.papers: tuple[int, ...] = ()
        self._columns = columns
        self._cells = cells
        self.origin = self._origin()
        if len(cells) > len(columns.headings):
            self.errors.append(FieldError(f"column.{len(columns.headings)}", gettext("这一格没有列名：内容可能错了位")))

    def at(self, index: int | None) -> str:
        return self._cells[index] if index is not None and index < len(self._cells) else ""

    def code(self, name: str, codes: Mapping[str, str], *, fallback: str = "") -> str:
        """Return the code of what a cell names; what is no name stays as it is, for the rules to refuse."""
        if name not in self._columns.fields:
            return fallback
        text = self.at(self._columns.fields[name])
        known = codes.get(_name(text))
        if known is not None:
            return known
        if not text:
            self.errors.append(FieldError(name, gettext("必填")))
        elif fallback:
            allowed = "、".join(str(MODE_LABELS[mode]) for mode in SaleMode)
            self.errors.append(FieldError(name, gettext("只能填写：%(names)s", names=allowed)))
        return fallback or text

    def value(self, name: str, read: Callable[[str], _T], otherwise: _T) -> _T:
        """Return what a cell says; something else in its stead once it is marked as wrong."""
        text = self.at(self._columns.fields.get(name))
        try:
            if not text:
                raise reading.CellError(gettext("必填"))  # noqa: TRY301 - one place marks every fault
            return read(text)
        except reading.CellError as error:
            self.errors.append(FieldError(name, str(error)))
            return otherwise

    def amount(self) -> int:
        if "amount_fen" in self._columns.fields:
            return self.value("amount_fen", reading.whole_fen, 1)
        fen = self.value("amount", reading.amount_fen, 1)
        # The rules speak of fen.
        self.errors = [FieldError("amount_fen", e.message) if e.field == "amount" else e for e in self.errors]
        return fen

    def papers_read(self) -> tuple[Paper, ...]:
        found: list[tuple[Paper, int]] = []
        for kind, index in self._columns.papers:
            found += [(Paper(kind, number), index) for number in self._numbers(index)]
        for key, index in sorted(self._columns.kinds.items()):
            found += self._pair(index, self._columns.numbers.get(key))
        self.papers = tuple(index for _, index in found)
        return tuple(paper for paper, _ in found)

    def _pair(self, kind_index: int, number_index: int | None) -> list[tuple[Paper, int]]:
        kind, numbers = self.at(kind_index), self._numbers(number_index)
        if not kind and not numbers:
            return []
        known = KINDS.get(_name(kind))
        if known is None:
            names = "、".join(str(label) for label in EVIDENCE_LABELS.values())
            message = gettext("请填写凭证种类：%(names)s", names=names)
            self.errors.append(FieldError(f"column.{kind_index}", message))
        if not numbers:
            self.errors.append(
                FieldError(f"column.{kind_index if number_index is None else number_index}", gettext("必填"))
            )
        if known is None or number_index is None:
            return []
        return [(Paper(EvidenceKind(known), number), number_index) for number in numbers]

    def _numbers(self, index: int | None) -> list[str]:
        try:
            return reading.numbers(self.at(index))
        except reading.CellError as error:
            self.errors.append(FieldError(f"column.{index}", str(error)))
            return []

    def _origin(self) -> Origin | None:
        text = self.at(self._columns.trace).strip()
        if not text:
            return None
        mark, _, row = text.partition(":")
        if len(mark) == _MARK and row.isascii() and row.isdecimal() and len(row) < 8:  # noqa: PLR2004 - no sheet is longer
            try:
                return Origin(UUID(mark), int(row))
            except ValueError:
                pass
        self.errors.append(FieldError("trace", gettext("这一列由系统填写，请不要改动；不是修改后重传的行请清空")))
        return None


def names_of(rows: Iterable[tuple[str, Iterable[str]]]) -> dict[str, str]:
    """Return codes by code and name, without the names that several have."""
    found: dict[str, set[str]] = {}
    for code, names in rows:
        for name in {_name(each) for each in (code, *names)} - {""}:
            found.setdefault(name, set()).add(code)
    return {name: next(iter(codes)) for name, codes in found.items() if len(codes) == 1}


@lru_cache(maxsize=4096)
def _name(text: str) -> str:
    return "".join(reading.plain(text).casefold().split())


MODES = names_of(
    [
        (SaleMode.DIRECT.value, ("直接采购", "直采", "direct purchase")),
        (SaleMode.ASSISTED.value, ("帮助销售", "帮销", "助销", "assisted sale")),
    ]
)
KINDS = names_of(
    [
        (EvidenceKind.INVOICE.value, ("发票", "数电票", "invoice")),
        (EvidenceKind.CONTRACT.value, ("合同", "contract")),
        (EvidenceKind.PLATFORM_ORDER.value, ("平台订单", "platform order", "platform orders")),
        (EvidenceKind.DELIVERY_NOTE.value, ("送货单", "发货单", "delivery note")),
        (EvidenceKind.ACCEPTANCE_NOTE.value, ("验收单", "acceptance note")),
        (EvidenceKind.BANK_SLIP.value, ("银行回单", "回单", "bank slip")),
    ]
)
