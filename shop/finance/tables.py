"""The totals table that finance reads: rows grouped by side, a subtotal each, and a labelled sum of all.

The screen and the CSV file are two renderings of the same lines.
"""

import csv
import enum
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session

from shop.finance import queries
from shop.finance.knowledge import NOW, Known
from shop.finance.periods import Period
from shop.finance.queries import TotalsView
from shop.registry import queries as registry
from shop.registry.queries import Names
from shop.web import format_instant

SIDES = ("eastern", "central", "none")
"""The order of the sides on every page."""

NOBODY = "none"
OUTSIDE = "outside"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_FEN_PER_YUAN = 100


class Cut(enum.StrEnum):
    """The ways in which the page cuts the totals."""

    PARTNER = "partner"
    COUNTY = "county"
    CATEGORY = "category"
    CHANNEL = "channel"
    MONTH = "month"


CUT_LABELS = {
    Cut.PARTNER: lazy_gettext("按帮扶方与方式"),
    Cut.COUNTY: lazy_gettext("按产地县"),
    Cut.CATEGORY: lazy_gettext("按品类"),
    Cut.CHANNEL: lazy_gettext("按渠道"),
    Cut.MONTH: lazy_gettext("按月份"),
}
CUT_DIMENSIONS: Mapping[Cut, tuple[str, ...]] = {
    Cut.PARTNER: ("partner", "mode"),
    Cut.COUNTY: ("county",),
    Cut.CATEGORY: ("category",),
    Cut.CHANNEL: ("channel",),
    Cut.MONTH: ("month",),
}
DIMENSION_LABELS = {
    "side": lazy_gettext("口径"),
    "partner": lazy_gettext("帮扶方"),
    "mode": lazy_gettext("帮扶方式"),
    "county": lazy_gettext("产地县"),
    "prefecture": lazy_gettext("产地市州"),
    "category": lazy_gettext("品类"),
    "channel": lazy_gettext("渠道"),
    "month": lazy_gettext("月份"),
    "year": lazy_gettext("年份"),
    "pairing": lazy_gettext("结对关系"),
}
GRAND_TOTAL = lazy_gettext("东部协作 + 中央定点 + 社会购买 合计（口径不同，仅供核对账本）")


class LineKind(enum.StrEnum):
    """What a line of the table is."""

    ROW = "row"
    SUBTOTAL = "subtotal"
    TOTAL = "total"


@dataclass(frozen=True)
class Line:
    """One line: its texts, its figure, and the filter that finds the transfers behind it."""

    kind: LineKind
    cells: tuple[str, ...]
    is_outside: bool
    amount_fen: int
    count: int
    where: Mapping[str, str]


@dataclass(frozen=True)
class Card:
    """One side's figure over the period, and what of it lies outside the pairings."""

    side: str
    label: str
    amount_fen: int
    count: int
    outside_fen: int


@dataclass(frozen=True)
class Table:
    """What the page shows and the file holds. `only` names the partner to which it is limited."""

    cut: Cut
    headings: tuple[str, ...]
    lines: Sequence[Line]
    cards: Sequence[Card]
    view: TotalsView
    only: str | None = None


def totals_table(session: Session, *, cut: Cut, period: Period, where: Mapping[str, str], known: Known = NOW) -> Table:
    """Return the totals of the assistance book, cut one way.

    Limited to a partner, it has that partner's side only: zeros elsewhere, and a sum of sides, would say too much.
    """
    dimensions = CUT_DIMENSIONS[cut]
    by = ("side", *dimensions, "pairing")
    view = queries.totals(session, book="aid", by=by, period=period, where=where, known=known)
    names = registry.names(session)
    rows = _rows(view, dimensions, names)
    groups = {side: [line for line in rows if line.where["side"] == side] for side in SIDES}
    lines: list[Line] = []
    for side, members in groups.items():
        if members:
            lines += [*members, _subtotal(side, members, names, where)]
    if lines and not where:
        label = (str(GRAND_TOTAL), *("" for _ in dimensions))
        lines.append(Line(LineKind.TOTAL, label, False, view.total_fen, view.count, dict(where)))  # noqa: FBT003 -- a plain record
    headings = tuple(str(DIMENSION_LABELS[name]) for name in ("side", *dimensions))
    cards = [_card(side, members, names) for side, members in groups.items() if members or not where]
    only = queries.named(names, "partner", where["partner"])["name"] if "partner" in where else None
    return Table(cut, headings, lines, cards, view, only)


def as_csv(table: Table, *, is_demo: bool) -> bytes:
    """Return the table as a CSV file for spreadsheet programs: UTF-8 with a byte order mark, one record a line.

    Amounts are plain numbers, in yuan and in fen. What was typed by people cannot become a formula. In a demo every
    record says so.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    headings = [*table.headings, gettext("结对关系"), gettext("金额（元）"), gettext("金额（分）"), gettext("笔数")]
    headings += [gettext("期间"), gettext("规则版本"), gettext("取数时间"), gettext("已知截至"), gettext("数据性质")]
    writer.writerow(headings)
    facts = [
        table.view.period.label,
        "、".join(table.view.rules),
        format_instant(table.view.as_of),
        table.view.known.label,
        gettext("演示数据") if is_demo else gettext("正式数据"),
    ]
    for line in table.lines:
        figures = [plain_yuan(line.amount_fen), line.amount_fen, line.count]
        pairing = gettext("结对关系外") if line.is_outside else ""
        writer.writerow([*map(guarded, line.cells), pairing, *figures, *map(guarded, facts)])
    return out.getvalue().encode("utf-8-sig")


def guarded(text: str) -> str:
    """Return a text that no spreadsheet program takes for a formula."""
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def plain_yuan(amount_fen: int) -> str:
    """Return an amount as a plain decimal number of yuan, without separators."""
    yuan, fen = divmod(abs(amount_fen), _FEN_PER_YUAN)
    return f"{'-' if amount_fen < 0 else ''}{yuan}.{fen:02d}"


def _rows(view: TotalsView, dimensions: Sequence[str], names: Names) -> list[Line]:
    """Return one line a combination; pairing means nothing where nobody helped, so those halves are one line."""
    lines: list[Line] = []
    ordered = sorted(view.rows, key=_order)
    for _, same in groupby(ordered, key=_order):
        rows = list(same)
        codes = rows[0].codes
        shown = ("side", *dimensions)
        has_pairing = codes["side"] != NOBODY
        lines.append(
            Line(
                kind=LineKind.ROW,
                cells=tuple(value_label(names, name, codes[name]) for name in shown),
                is_outside=has_pairing and codes["pairing"] == OUTSIDE,
                amount_fen=sum(row.amount_fen for row in rows),
                count=sum(row.count for row in rows),
                where={name: codes[name] for name in (*shown, *(["pairing"] if has_pairing else []))},
            )
        )
    return lines


def _order(row: queries.TotalsRow) -> tuple[str, ...]:
    pairing = "" if row.codes["side"] == NOBODY else row.codes["pairing"]
    return (*(code for name, code in row.codes.items() if name != "pairing"), pairing)


def value_label(names: Names, dimension: str, code: str) -> str:
    """Return a dimension's value in the reader's language."""
    return code if dimension in {"month", "year"} else queries.named(names, dimension, code)["name"]


def condition_labels(names: Names, where: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return a filter in words, one pair of dimension and value a condition."""
    return [(str(DIMENSION_LABELS[name]), value_label(names, name, code)) for name, code in where.items()]


def _subtotal(side: str, members: Sequence[Line], names: Names, where: Mapping[str, str]) -> Line:
    label = gettext("%(side)s小计", side=queries.named(names, "side", side)["name"])
    return Line(
        kind=LineKind.SUBTOTAL,
        cells=(label, *("" for _ in members[0].cells[1:])),
        is_outside=False,
        amount_fen=sum(line.amount_fen for line in members),
        count=sum(line.count for line in members),
        where={**where, "side": side},
    )


def _card(side: str, members: Sequence[Line], names: Names) -> Card:
    return Card(
        side=side,
        label=queries.named(names, "side", side)["name"],
        amount_fen=sum(line.amount_fen for line in members),
        count=sum(line.count for line in members),
        outside_fen=sum(line.amount_fen for line in members if line.is_outside),
    )


def query_of(line: Line, period: Period, known: Known) -> dict[str, str]:
    """Return the address parameters that find the transfers behind a line."""
    return {"book": "aid", **line.where, **period.as_query(), **known.as_query()}
