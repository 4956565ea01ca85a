"""The table and the chart of what each operation takes at each size, and their places in the documents."""

from collections.abc import Mapping
from pathlib import Path

from benchmarks.growth.chart import line_chart

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGE = DOCS / "performance.md"
CHART = DOCS / "images" / "performance-sizes.svg"
BEGIN, END = "<!-- sizes: begin -->", "<!-- sizes: end -->"

# In the order of the table, with the words of the table and those of the chart.
OPERATIONS = {
    "post": ("`ledger.post`, one entry and its commit", "post"),
    "post_many": ("`ledger.post_many` of 10,000, for each transfer", "post_many, a transfer"),
    "seal": ("`ledger.seal` of 10,000 entries", "seal, 10,000 entries"),
    "totals": ("`ledger.totals` by partner and mode", "totals"),
    "totals_known_at": ("the same, `known_at` noon: 10,000 posted that morning", "totals known at noon"),
    "statement": ("`ledger.statement`, first 100 rows of a busy account", "statement, first page"),
    "statement_deep": ("the same, 100 rows in the middle of the year", "statement, page in the middle"),
    "verify_since": ("`ledger.verify` since a seal 1,000 back", "verify since a seal 1,000 back"),
    "verify": ("`ledger.verify` of everything", "verify everything"),
}

Times = Mapping[int, Mapping[str, float]]


def write(times: Times, *, measured: str) -> None:
    """Put the table between its markers, and the chart beside the page. `times` are seconds, by size and operation."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGE} has not both {BEGIN} and {END}")
    PAGE.write_text(f"{before}{BEGIN}\n{measured}\n\n{table(times)}\n{END}{after}")
    lines = {short: [(size, row[name]) for size, row in times.items()] for name, (_, short) in OPERATIONS.items()}
    CHART.write_text(
        line_chart(
            lines,
            title="Time of each operation against the size of the book (both axes logarithmic)",
            x_title="transfers in the book",
            x_label=lambda size: f"{int(size):,}",
            y_label=duration,
        )
    )


def table(times: Times) -> str:
    """Show a row for each operation and a column for each size."""
    heads = [f"{size:,}" for size in times]
    lines = [
        f"| transfers in the book | {' | '.join(heads)} |",
        f"| --- |{' ---: |' * len(heads)}",
        *(
            f"| {words} | {' | '.join(duration(row[name]) for row in times.values())} |"
            for name, (words, _) in OPERATIONS.items()
        ),
    ]
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """Write a time with three digits at most, in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= 0.9995 * size:
            return f"{_digits(seconds / size)} {unit}"
    return f"{_digits(seconds * 1e6)} µs"


def _digits(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"  # noqa: PLR2004 -- three digits before the point
