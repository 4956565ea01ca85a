"""The totals table that finance reads: rows grouped by side, a subtotal each, and a labelled sum of all.

The screen, its chart and the files are renderings of the same lines.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session

from shop.finance import queries
from shop.finance.figures import comparison
from shop.finance.figures.choice import Choice
from shop.finance.periods import Period
from shop.finance.queries import TotalsView
from shop.registry import queries as registry
from shop.registry.queries import Names

SIDES = ("eastern", "central", "none")
"""The order of the sides on every page."""

NOBODY = "none"
OUTSIDE = "outside"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_FEN_PER_YUAN = 100
_ONE_SIDED = frozenset({"side", "partner"})
"""Filters that leave one side only: zeros elsewhere, and a sum of sides, would say too much."""

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
    """One line: its texts, its figure, and the filter that finds the transfers behind it.

    `before_fen` and `before_count` are the figure of the other period, `before_where` the filter behind that; without a
    comparison they mean nothing.
    """

    kind: LineKind
    cells: tuple[str, ...]
    amount_fen: int
    count: int
    where: Mapping[str, str]
    is_outside: bool = False
    before_fen: int = 0
    before_count: int = 0
    before_where: Mapping[str, str] | None = None

    @property
    def difference_fen(self) -> int:
        """By how much the amount changed."""
        return self.amount_fen - self.before_fen

    @property
    def change_percent(self) -> Decimal | None:
        """The change in percent; None where nothing was before."""
        return comparison.change_percent(self.amount_fen, self.before_fen)


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
    """What the page shows and the files hold.

    `where` are all filters, those of the reader's role included. `only` names the partner to which the role limits it.
    """

    choice: Choice
    headings: tuple[str, ...]
    lines: Sequence[Line]
    cards: Sequence[Card]
    view: TotalsView
    conditions: Sequence[tuple[str, str, str]]
    only: str | None = None


def totals_table(session: Session, choice: Choice, *, scope: Mapping[str, str]) -> Table:
    """Return the totals of the assistance book as they were chosen, within what the reader's role may see.

    Where the books are limited to one side, there is no other side's zero and no sum of sides.
    """
    where = {**choice.where, **scope}
    by = ("side", *choice.dimensions, "pairing")
    now, before = _views(session, choice, by=by, where=where)
    names = registry.names(session)
    rows = _rows(choice, (now, before), by=by[:-1], names=names)
    is_one_sided = not _ONE_SIDED.isdisjoint(where)
    lines: list[Line] = []
    cards: list[Card] = []
    for side in SIDES:
        members = [line for line in rows if line.where["side"] == side]
        label = queries.named(names, "side", side)["name"]
        if members:
            subtotal = gettext("%(side)s小计", side=label)
            lines += [*members, _sum(members, LineKind.SUBTOTAL, subtotal, {"side": side})]
        if members or not is_one_sided:
            cards.append(_card(side, label, members))
    if lines and not is_one_sided:
        lines.append(_sum(rows, LineKind.TOTAL, str(GRAND_TOTAL), {}))
    labels = condition_labels(names, choice.where)
    return Table(
        choice=choice,
        headings=tuple(str(DIMENSION_LABELS[name]) for name in by[:-1]),
        # What the filters of the address demand of a figure, they demand of the transfers behind it.
        lines=[replace(line, where={**choice.where, **line.where}) for line in lines],
        cards=cards,
        view=now,
        conditions=[(name, *label) for name, label in zip(choice.where, labels, strict=True)],
        only=queries.named(names, "partner", scope["partner"])["name"] if "partner" in scope else None,
    )


def guarded(text: str) -> str:
    """Return a text that no spreadsheet program takes for a formula."""
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def plain_yuan(amount_fen: int) -> str:
    """Return an amount as a plain decimal number of yuan, without separators."""
    yuan, fen = divmod(abs(amount_fen), _FEN_PER_YUAN)
    return f"{'-' if amount_fen < 0 else ''}{yuan}.{fen:02d}"


def value_label(names: Names, dimension: str, code: str) -> str:
    """Return a dimension's value in the reader's language."""
    return code if dimension in {"month", "year"} else queries.named(names, dimension, code)["name"]


def condition_labels(names: Names, where: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return a filter in words, one pair of dimension and value a condition."""
    return [(str(DIMENSION_LABELS[name]), value_label(names, name, code)) for name, code in where.items()]


def query_of(line: Line, choice: Choice) -> dict[str, str]:
    """Return the address parameters that find the transfers behind a line."""
    return {"book": "aid", **line.where, **choice.period.as_query(), **choice.known.as_query()}


def query_before(line: Line, choice: Choice) -> dict[str, str]:
    """Return the address parameters that find the transfers behind a line's figure of the other period."""
    days = choice.versus.period.as_query() if choice.versus else {}
    where = {**line.where, **(line.before_where or {})}
    return {"book": "aid", **where, **days, **choice.known.as_query()}


def _views(
    session: Session, choice: Choice, *, by: Sequence[str], where: Mapping[str, str]
) -> tuple[TotalsView, TotalsView | None]:
    def view(period: Period) -> TotalsView:
        return queries.totals(session, book="aid", by=by, period=period, where=where, known=choice.known)

    return view(choice.period), view(choice.versus.period) if choice.versus else None


Key = tuple[str, ...]


def _figures(view: TotalsView | None, *, by: Sequence[str], months_later: int) -> dict[Key, tuple[int, int]]:
    """Return amount and count by the codes of `by` and the pairing, which means nothing where nobody helped."""
    found: dict[Key, tuple[int, int]] = {}
    for row in view.rows if view else ():
        codes = dict(row.codes)
        if "month" in codes:
            codes["month"] = comparison.shifted_month(codes["month"], months_later)
        pairing = "" if codes["side"] == NOBODY else codes["pairing"]
        key = (*(codes[name] for name in by), pairing)
        amount_fen, count = found.get(key, (0, 0))
        found[key] = (amount_fen + row.amount_fen, count + row.count)
    return found


def _rows(
    choice: Choice, views: tuple[TotalsView, TotalsView | None], *, by: Sequence[str], names: Names
) -> list[Line]:
    """Return one line a combination that either period has; the months of the other stand beside those of the first."""
    offset = comparison.month_offset(choice.period, choice.versus.period) if choice.versus else 0
    now = _figures(views[0], by=by, months_later=0)
    before = _figures(views[1], by=by, months_later=-offset)
    lines = []
    for key in sorted(now | before):
        codes = dict(zip(by, key[:-1], strict=True))
        cells = {name: value_label(names, name, code) for name, code in codes.items()}
        before_where = {}
        if choice.versus and "month" in codes:
            before_where["month"] = other = comparison.shifted_month(codes["month"], offset)
            cells["month"] = gettext("%(month)s（对比 %(other)s）", month=codes["month"], other=other)
        lines.append(
            Line(
                LineKind.ROW,
                tuple(cells.values()),
                *now.get(key, (0, 0)),
                where=codes | ({"pairing": key[-1]} if key[-1] else {}),
                is_outside=key[-1] == OUTSIDE,
                before_fen=before.get(key, (0, 0))[0],
                before_count=before.get(key, (0, 0))[1],
                before_where=before_where,
            )
        )
    return lines


def _sum(members: Sequence[Line], kind: LineKind, label: str, where: Mapping[str, str]) -> Line:
    return Line(
        kind=kind,
        cells=(label, *("" for _ in members[0].cells[1:])),
        amount_fen=sum(line.amount_fen for line in members),
        count=sum(line.count for line in members),
        where=where,
        before_fen=sum(line.before_fen for line in members),
        before_count=sum(line.before_count for line in members),
    )


def _card(side: str, label: str, members: Sequence[Line]) -> Card:
    return Card(
        side=side,
        label=label,
        amount_fen=sum(line.amount_fen for line in members),
        count=sum(line.count for line in members),
        outside_fen=sum(line.amount_fen for line in members if line.is_outside),
    )
