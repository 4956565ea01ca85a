"""What a totals table looks like as a chart: bars, a flow from partner to county, or a map of counties.

A chart draws the lines of the table that it stands above and nothing else, so the two cannot differ. It is data: the
browser draws it, and who cannot see it reads the table.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from flask_babel import gettext

import ledger
from shop.finance.figures.choice import Cut
from shop.finance.figures.comparison import shifted_month
from shop.finance.tables import SIDES, Line, LineKind, Table
from shop.registry.queries import UNKNOWN_COUNTY

Address = Callable[[Mapping[str, str]], str]
"""Gives the address of a totals page from its parameters."""

Chart = dict[str, Any]
K = TypeVar("K")
_MAX_MONTHS = 120
"""A longer row of months is drawn with the months that hold something only."""


def chart_of(table: Table, *, address: Address) -> Chart | None:
    """Return what draws a table; None where there is nothing to draw."""
    rows = [line for line in table.lines if line.kind is LineKind.ROW]
    if not rows:
        return None
    draw = {Cut.FLOW: _flow, Cut.COUNTY: _map}.get(table.choice.cut, _bars)
    return draw(table, rows, address)


def summary(table: Table) -> str:
    """Return in a sentence what a chart shows, for whoever cannot see it."""
    rows = [line for line in table.lines if line.kind is LineKind.ROW]
    most = max(rows, key=lambda line: line.amount_fen)
    what = " · ".join(cell for cell in most.cells if cell)
    told: str = gettext(
        "图中共 %(rows)s 项，最大的是%(what)s，%(amount)s 元。全部数字见下表。",
        rows=len(rows),
        what=what,
        amount=ledger.format_yuan(most.amount_fen),
    )
    return told


def _bars(table: Table, rows: Sequence[Line], address: Address) -> Chart:
    """Stack amounts by the mode of help for partners, otherwise by side: sides are told apart, never one colour."""
    choice = table.choice
    item = choice.dimensions[0]
    part, place = ("mode", 2) if choice.cut is Cut.PARTNER else ("side", 0)
    by_item = _summed(rows, lambda line: line.where[item])
    codes = _months(by_item) if choice.cut is Cut.MONTH else sorted(by_item, key=lambda code: -by_item[code][0])
    labels = {line.where[item]: line.cells[1] for line in rows if choice.cut is not Cut.MONTH}
    parts = {line.where[part]: line.cells[place] for line in rows}
    ordered = [code for code in (*SIDES, *sorted(parts)) if code in parts]
    amounts = _summed(rows, lambda line: (line.where[item], line.where[part]))
    series = [
        {"name": parts[one], "values": [amounts.get((code, one), (0, 0))[0] for code in codes]}
        for one in dict.fromkeys(ordered)
    ]
    return {
        "kind": "bars",
        "upright": choice.cut is Cut.MONTH,
        "items": [{"name": labels.get(code, code), "url": address(choice.drilled({item: code}))} for code in codes],
        "series": series,
        "before": [by_item.get(code, (0, 0))[1] for code in codes] if choice.versus else None,
    }


def _flow(table: Table, rows: Sequence[Line], address: Address) -> Chart:
    """Lead each partner's money to where it went; what is not above zero cannot flow and stands in the table only."""
    origin = table.choice.dimensions[1]
    nodes: dict[str, dict[str, object]] = {}
    amounts = _summed(rows, lambda line: (line.where["partner"], line.where[origin]))
    drawn = {pair: amount_fen for pair, (amount_fen, _) in amounts.items() if amount_fen > 0}
    for line in rows:
        for depth, (name, label) in enumerate((("partner", line.cells[1]), (origin, line.cells[2]))):
            if (line.where["partner"], line.where[origin]) in drawn:
                code = line.where[name]
                url = address(table.choice.drilled({name: code}))
                node = {"id": f"{depth}:{code}", "name": label, "depth": depth, "url": url, "side": line.where["side"]}
                nodes[f"{depth}:{code}"] = node
    links = [
        {
            "source": f"0:{partner}",
            "target": f"1:{code}",
            "value": amount_fen,
            "url": address(table.choice.drilled({"partner": partner, origin: code})),
        }
        for (partner, code), amount_fen in drawn.items()
    ]
    return {"kind": "flow", "nodes": list(nodes.values()), "links": links, "left_out": len(amounts) - len(drawn)}


def _map(table: Table, rows: Sequence[Line], address: Address) -> Chart:
    """Shade each county by its amount. Sides are added up here, which the page says; each shows in the tooltip."""
    amounts = _summed(rows, lambda line: line.where["county"])
    sides = {line.where["side"]: line.cells[0] for line in rows}
    by_side = _summed(rows, lambda line: (line.where["county"], line.where["side"]))
    names = {line.where["county"]: line.cells[1] for line in rows}
    items = [
        {
            "code": code,
            "name": names[code],
            "value": amount_fen,
            "url": address(table.choice.drilled({"county": code})),
            "parts": [
                {"name": sides[side], "value": by_side[code, side][0]} for side in SIDES if (code, side) in by_side
            ],
        }
        for code, (amount_fen, _) in amounts.items()
        if code != UNKNOWN_COUNTY
    ]
    unknown_fen = amounts.get(UNKNOWN_COUNTY, (0, 0))[0]
    return {"kind": "map", "items": items, "adds_sides": len(sides) > 1, "unknown_fen": unknown_fen}


def _summed(rows: Sequence[Line], key: Callable[[Line], K]) -> dict[K, tuple[int, int]]:
    """Sum amounts of both periods by a key."""
    found: dict[K, tuple[int, int]] = {}
    for line in rows:
        now_fen, before_fen = found.get(key(line), (0, 0))
        found[key(line)] = (now_fen + line.amount_fen, before_fen + line.before_fen)
    return found


def _months(held: Mapping[str, object]) -> list[str]:
    """Return the months from the first to the last that hold something, empty ones between them too."""
    first, last = min(held), max(held)
    months = [first]
    while months[-1] < last and len(months) < _MAX_MONTHS:
        months.append(shifted_month(months[-1], 1))
    return months if months[-1] == last else sorted(held)
