"""A chart of lines on two logarithmic axes, as SVG. It brings its own white ground, so it reads on a dark page too."""

import math
from collections.abc import Callable, Mapping, Sequence
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 960, 560
LEFT, RIGHT, TOP, BOTTOM = 80, 690, 60, 500
LINE_HEIGHT = 20
COLOURS = (
    "#1f5fa8", "#c4520a", "#2a7a35", "#a61c3c", "#6d4aa8", "#7a4a2b", "#b0388a", "#4d4d4d", "#8a7300", "#007c89",
)  # fmt: skip

Point = tuple[float, float]
Label = Callable[[float], str]


def line_chart(
    lines: Mapping[str, Sequence[Point]], *, title: str, x_title: str, x_label: Label, y_label: Label
) -> str:
    """Draw one line for each name, named at its right end; a tick at every x that a line has, and every power of ten.

    All numbers must be above zero, and there are as many lines at most as colours.
    """
    xs = sorted({x for points in lines.values() for x, _ in points})
    ys = [y for points in lines.values() for _, y in points]
    floor, ceiling = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))
    across = _scale(math.log10(xs[0]), math.log10(xs[-1]), onto=(LEFT + 20, RIGHT - 20))
    up = _scale(floor, ceiling, onto=(BOTTOM, TOP))
    parts = [_text(title, x=LEFT, y=34, extra='font-size="17" font-weight="bold"')]
    for power in range(floor, ceiling + 1):
        y = up(10.0**power)
        parts.append(_line((LEFT, y), (RIGHT, y), "#d8d8d8"))
        parts.append(_text(y_label(10.0**power), x=LEFT - 8, y=y + 5, extra='text-anchor="end"'))
    for x in xs:
        parts.append(_line((across(x), TOP), (across(x), BOTTOM), "#ececec"))
        parts.append(_text(x_label(x), x=across(x), y=BOTTOM + 22, extra='text-anchor="middle"'))
    parts.append(_text(x_title, x=(LEFT + RIGHT) / 2, y=BOTTOM + 46, extra='text-anchor="middle"'))
    drawn = {name: [(across(x), up(y)) for x, y in points] for name, points in lines.items()}
    names = _apart({name: points[-1][1] for name, points in drawn.items()})
    for colour, (name, points) in zip(COLOURS[: len(drawn)], drawn.items(), strict=True):
        parts += _series(name, points, colour=colour, name_at=names[name])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" '
        'font-family="system-ui, sans-serif" font-size="14">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _scale(first: float, last: float, *, onto: Point) -> Callable[[float], float]:
    """Map a number whose logarithm lies between two onto pixels."""
    span = (last - first) or 1.0
    return lambda number: onto[0] + (math.log10(number) - first) / span * (onto[1] - onto[0])


def _apart(wanted: Mapping[str, float]) -> dict[str, float]:
    """Move the names down, and all together up again, so that none covers another."""
    placed: dict[str, float] = {}
    lowest = -math.inf
    for name, y in sorted(wanted.items(), key=lambda item: item[1]):
        lowest = max(y, lowest + LINE_HEIGHT)
        placed[name] = lowest
    lift = max(0.0, lowest - BOTTOM)
    top = min(placed.values()) - lift
    if top < TOP:
        raise ValueError(f"{len(placed)} names do not fit")
    return {name: y - lift for name, y in placed.items()}


def _series(name: str, points: Sequence[Point], *, colour: str, name_at: float) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    end = points[-1]
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.2" stroke-linejoin="round"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" fill="{colour}"/>' for x, y in points),
        _line(end, (RIGHT + 14, name_at), colour),
        _text(name, x=RIGHT + 20, y=name_at + 5, extra=f'style="fill:{colour}"'),
    ]


def _line(start: Point, end: Point, colour: str) -> str:
    return (
        f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" '
        f'stroke="{colour}" stroke-width="1"/>'
    )


def _text(words: str, *, x: float, y: float, extra: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="#222222" {extra}>{escape(words)}</text>'
