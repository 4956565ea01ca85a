"""Time of `ledger.post_many` over that of a bare COPY of the same rows into an unindexed table. Budget: at most 20."""

import argparse
import gc
import json
import statistics
import time

import psycopg
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

import ledger
from benchmarks.drafts import sales
from benchmarks.server import new_ledger, throwaway_server
from shop.localpg import LocalServer

BUDGET = 20
COPIES = 3
_COLUMNS = "key text, effective_on date, source text, debit text, credit text, amount_fen bigint, kind text"


def main() -> None:
    """Measure both and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="transfers, one an entry (default 1000000)")
    rows = parser.parse_args().rows
    drafts = list(sales(rows, partners=40, counties=86, days=30, prefix="bulk"))
    gc.freeze()  # the list is ours; without it the ledger would not be collecting garbage among a million drafts
    with throwaway_server() as server:
        # The disk's mood moves so short a time by a factor of two, so it is the median of several.
        copied = statistics.median(_copy_seconds(server, drafts) for _ in range(COPIES))
        posted = _post_seconds(server, drafts)
    figures = {
        "benchmark": "post_many",
        "rows": rows,
        "seconds": round(posted, 2),
        "reference": "COPY into an unindexed table",
        "reference_seconds": round(copied, 2),
        "ratio": round(posted / copied, 2),
        "budget": f"at most {BUDGET}",
        "ok": posted <= BUDGET * copied,
    }
    print(json.dumps(figures))


def _copy_seconds(server: LocalServer, drafts: list[ledger.Draft]) -> float:
    """Time the rows as the drafts hold them, through the same driver, until they are committed."""
    engine = create_engine(server.url(role="ganwei_owner"))
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS bare"))
        connection.execute(text(f"CREATE TABLE bare ({_COLUMNS})"))
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            raise TypeError(driver)
        started = time.perf_counter()
        with driver.cursor().copy("COPY bare FROM STDIN") as copy:
            for draft in drafts:
                for leg in draft.legs:
                    copy.write_row(
                        (draft.key, draft.effective_on, draft.source, leg.debit, leg.credit, leg.amount_fen, leg.kind)
                    )
        driver.commit()
        seconds = time.perf_counter() - started
    engine.dispose()
    return seconds


def _post_seconds(server: LocalServer, drafts: list[ledger.Draft]) -> float:
    engine = create_engine(new_ledger(server, "bulk"))
    with Session(engine) as session:
        started = time.perf_counter()
        done = ledger.post_many(session, drafts, by="benchmark")
        session.commit()
        seconds = time.perf_counter() - started
    if done.new != len(drafts):
        raise RuntimeError(f"{done.new} of {len(drafts)} drafts became entries")
    engine.dispose()
    return seconds


if __name__ == "__main__":
    main()
