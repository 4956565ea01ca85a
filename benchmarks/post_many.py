"""Time of `ledger.post_many` over that of a bare COPY of the same rows into an unindexed table. Budget: at most 20."""

import argparse
import gc
import statistics
import time

from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

import ledger
from benchmarks.drafts import sales
from benchmarks.figures import Figure, rounded
from benchmarks.server import driver, new_ledger, throwaway_server
from shop.localpg import LocalServer

BUDGET = 20
_COLUMNS = "key text, effective_on date, source text, debit text, credit text, amount_fen bigint, kind text"


def main() -> None:
    """Measure both in turns and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="transfers, one an entry (default 1000000)")
    parser.add_argument("--turns", type=int, default=3, help="how many turns each has (default 3)")
    asked = parser.parse_args()
    drafts = list(sales(asked.rows, partners=40, counties=86, days=30, prefix="bulk"))
    gc.freeze()  # the list is ours; without it the ledger would not be collecting garbage among a million drafts
    with throwaway_server() as server:
        # The disk's mood moves a COPY's short time by a factor of two, so the figures are medians.
        turns = [
            (_copy_seconds(server, drafts), _post_seconds(new_ledger(server, f"bulk{number}"), drafts))
            for number in range(asked.turns)
        ]
    copied = statistics.median(reference for reference, _ in turns)
    posted = statistics.median(ours for _, ours in turns)
    figure = Figure(
        name="post_many",
        value=posted,
        unit="s",
        reference=copied,
        ratio=posted / copied,
        budget=f"at most {BUDGET}",
        ok=posted <= BUDGET * copied,
    )
    figure.show(
        reference_is="COPY into an unindexed table", rows=asked.rows, rows_per_second=rounded(asked.rows / posted)
    )


def _copy_seconds(server: LocalServer, drafts: list[ledger.Draft]) -> float:
    """Time the rows as the drafts hold them, through the same driver, until they are committed."""
    engine = create_engine(server.url(role="ganwei_owner"))
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS bare"))
        connection.execute(text(f"CREATE TABLE bare ({_COLUMNS})"))
    with engine.begin() as connection:
        bare = driver(connection)
        started = time.perf_counter()
        with bare.cursor().copy("COPY bare FROM STDIN") as copy:
            for draft in drafts:
                for leg in draft.legs:
                    copy.write_row(
                        (draft.key, draft.effective_on, draft.source, leg.debit, leg.credit, leg.amount_fen, leg.kind)
                    )
        bare.commit()
        seconds = time.perf_counter() - started
    engine.dispose()
    return seconds


def _post_seconds(url: str, drafts: list[ledger.Draft]) -> float:
    engine = create_engine(url)
    with Session(engine) as session:
        started = time.perf_counter()
        ledger.post_many(session, drafts, by="benchmark")
        session.commit()
        seconds = time.perf_counter() - started
        made = session.scalar(text("SELECT count(*) FROM ledger_transfer"))
    if made != len(drafts):
        raise RuntimeError(f"{made} of {len(drafts)} drafts became entries")
    engine.dispose()
    return seconds


if __name__ == "__main__":
    main()
