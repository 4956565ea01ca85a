"""What each operation takes as the book grows. No budget: the table and the chart in docs/performance.md show it.

One database is filled step by step, each entry with one transfer, over 40 partners, 86 counties and the 365 days of a
year, and sealed as it grows. At each size every operation is timed, by one client, and the figures are medians; only
the verification of everything is done once. The line's figure is a post at the largest size over one at the smallest.
"""

import argparse
import os
import sys
from datetime import UTC, datetime

from sqlalchemy import create_engine, text

from benchmarks.figures import Figure, rounded
from benchmarks.growth.book import GrowingBook
from benchmarks.growth.page import write
from benchmarks.server import throwaway_server
from shop.localpg import LocalServer

SIZES = "10000,100000,1000000,3000000"


def main() -> None:
    """Measure at each size, print one line, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=_sizes, default=SIZES, help=f"numbers of transfers (default {SIZES})")
    parser.add_argument("--write", action="store_true", help="put table and chart into docs/performance.md")
    asked = parser.parse_args()
    times: dict[int, dict[str, float]] = {}
    with throwaway_server() as server:
        measured = _conditions(server)
        book = GrowingBook(server, say=_say)
        for size in asked.sizes:
            times[size] = book.grow(size) | book.measure()
            _say(f"{size:,}: " + ", ".join(f"{name} {seconds:.3g} s" for name, seconds in times[size].items()))
        book.close()
    if asked.write:
        write(times, measured=measured)
    few, many = times[asked.sizes[0]]["post"], times[asked.sizes[-1]]["post"]
    figure = Figure(
        name="sizes", value=many * 1000, unit="ms", reference=few * 1000, ratio=many / few, budget=None, ok=True
    )
    figure.show(
        value_is=f"a post at {asked.sizes[-1]} transfers",
        reference_is=f"a post at {asked.sizes[0]} transfers",
        seconds={size: {name: rounded(each) for name, each in row.items()} for size, row in times.items()},
    )


def _sizes(words: str) -> list[int]:
    """Read the sizes, each larger than the one before by more than the measuring itself adds to the book."""
    sizes = [int(word) for word in words.split(",")]
    if min(after - before for before, after in zip([0, *sizes], sizes, strict=False)) < GrowingBook.LEAST_STEP:
        raise argparse.ArgumentTypeError(f"sizes must grow by {GrowingBook.LEAST_STEP} at least")
    return sizes


def _conditions(server: LocalServer) -> str:
    engine = create_engine(server.url(role="postgres"))
    with engine.connect() as connection:
        version = connection.execute(text("SHOW server_version")).scalar_one()
    engine.dispose()
    today = datetime.now(UTC).date()
    return f"Measured on {today} on {os.cpu_count()} cores, PostgreSQL {version} on the same machine, fsync on."


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
