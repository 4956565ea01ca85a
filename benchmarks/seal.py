"""Entries that `ledger.seal` seals a second, in batches of 10,000, each committed. No budget: it must outrun posting.

The reference is the chain alone: SHA-256 over as many records of 200 bytes, each with the hash before it, in plain
Python without a database.
"""

import argparse
import hashlib
import statistics
import time

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

import ledger
from benchmarks.drafts import sales
from benchmarks.figures import Figure
from benchmarks.server import new_ledger, throwaway_server

BATCH = 10_000
RECORD = bytes(200)


def main() -> None:
    """Measure both, in turns of a batch, and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=20, help=f"how many batches of {BATCH} (default 20)")
    batches = parser.parse_args().batches
    with throwaway_server() as server:
        engine = create_engine(new_ledger(server, "sealed"))
        with Session(engine) as session:
            drafts = sales(batches * BATCH, partners=40, counties=86, days=30, prefix="seal")
            ledger.post_many(session, drafts, by="benchmark")
            session.commit()
            turns = [(_chain_rate(), _seal_rate(session)) for _ in range(batches)]
        engine.dispose()
    sealed = statistics.median(ours for _, ours in turns)
    chained = statistics.median(reference for reference, _ in turns)
    figure = Figure(
        name="seal",
        value=sealed,
        unit="entries/s",
        reference=chained,
        ratio=statistics.median(ours / reference for reference, ours in turns),
        budget=None,
        ok=True,
    )
    figure.show(reference_is="a SHA-256 chain of 200-byte records in plain Python", batches=batches, batch=BATCH)


def _seal_rate(session: Session) -> float:
    started = time.perf_counter()
    count = ledger.seal(session, limit=BATCH).count
    session.commit()
    seconds = time.perf_counter() - started
    if count != BATCH:
        raise RuntimeError(f"{count} entries were sealed, not {BATCH}")
    return count / seconds


def _chain_rate() -> float:
    started = time.perf_counter()
    previous = bytes(32)
    for _ in range(BATCH):
        previous = hashlib.sha256(previous + RECORD).digest()
    return BATCH / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
