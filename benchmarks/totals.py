"""Median time of totals by partner and mode at 1,000,000 transfers over that at 10,000. Budget: at most 1.5.

Both books hold the same partners, counties and days. What differs is the number of transfers, by a hundred times.
"""

import argparse
import statistics
import time

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

import ledger
from benchmarks.drafts import sales
from benchmarks.figures import Figure
from benchmarks.server import new_ledger, throwaway_server

BUDGET = 1.5
FEW = 10_000
TURNS = 41


def main() -> None:
    """Measure both, in turns, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="transfers of the larger book (default 1000000)")
    rows = parser.parse_args().rows
    with throwaway_server() as server:
        books = [_filled(new_ledger(server, f"book{size}"), size) for size in (FEW, rows)]
        times: list[list[float]] = [[], []]
        for _ in range(TURNS):
            for session, taken in zip(books, times, strict=True):
                taken.append(_totals_seconds(session))
        for session in books:
            session.close()
            session.get_bind().engine.dispose()
    few, many = (statistics.median(taken) for taken in times)
    figure = Figure(
        name="totals",
        value=many * 1000,
        unit="ms",
        reference=few * 1000,
        ratio=many / few,
        budget=f"at most {BUDGET}",
        ok=many <= BUDGET * few,
    )
    figure.show(reference_is=f"the same over {FEW} transfers", rows=rows)


def _filled(url: str, size: int) -> Session:
    session = Session(create_engine(url))
    ledger.post_many(session, sales(size, partners=12, counties=12, days=30, prefix="totals"), by="benchmark")
    session.commit()
    while ledger.seal(session).count:  # as the worker does
        session.commit()
    session.commit()
    return session


def _totals_seconds(session: Session) -> float:
    started = time.perf_counter()
    totals = ledger.totals(session, book="aid", by=["partner", "mode"])
    seconds = time.perf_counter() - started
    if not totals.rows:
        raise RuntimeError("no totals")
    return seconds


if __name__ == "__main__":
    main()
