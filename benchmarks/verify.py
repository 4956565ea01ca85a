"""Time of `ledger.verify` over 1,000,000 transfers, sealed. Budget: under 30 seconds.

The reference is what no verification outside the database can do without: one sum over the transfers, and one reading
of every row of the ledger's tables to the client, by COPY, whose bytes are thrown away. The ratio says how much the
checking costs over that.
"""

import argparse
import statistics
import time

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.orm import Session

import ledger
from benchmarks.drafts import sales
from benchmarks.figures import Figure, rounded
from benchmarks.server import driver, new_ledger, throwaway_server

BUDGET_SECONDS = 30


def main() -> None:
    """Measure both in turns and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="transfers, one an entry (default 1000000)")
    parser.add_argument("--turns", type=int, default=3, help="how many turns each has (default 3)")
    asked = parser.parse_args()
    with throwaway_server() as server:
        engine = create_engine(new_ledger(server, "verified"))
        _fill(engine.connect(), asked.rows)
        turns = [(_read_seconds(engine.connect()), _verify_seconds(engine.connect())) for _ in range(asked.turns)]
        engine.dispose()
    read = statistics.median(reference for reference, _ in turns)
    verified = statistics.median(ours for _, ours in turns)
    figure = Figure(
        name="verify",
        value=verified,
        unit="s",
        reference=read,
        ratio=verified / read,
        budget=f"value under {BUDGET_SECONDS}",
        ok=verified < BUDGET_SECONDS,
    )
    figure.show(
        reference_is="a sum over the transfers and one COPY of every table to the client",
        rows=asked.rows,
        rows_per_second=rounded(asked.rows / verified),
    )


def _fill(connection: Connection, rows: int) -> None:
    with connection, Session(connection) as session:
        ledger.post_many(session, sales(rows, partners=40, counties=86, days=365, prefix="verify"), by="benchmark")
        session.commit()
        while ledger.seal(session).count:
            session.commit()
        session.commit()


def _read_seconds(connection: Connection) -> float:
    with connection:
        started = time.perf_counter()
        connection.execute(text("SELECT count(*), sum(amount_fen) FROM ledger_transfer")).one()
        for table in ledger.metadata.tables:
            with driver(connection).cursor().copy(f"COPY {table} TO STDOUT") as copy:
                for _ in copy:
                    pass
        return time.perf_counter() - started


def _verify_seconds(connection: Connection) -> float:
    with connection, Session(connection) as session:
        started = time.perf_counter()
        verdict = ledger.verify(session)
        seconds = time.perf_counter() - started
    if not verdict.ok:
        raise RuntimeError(f"the books are wrong: {verdict.problems}")
    return seconds


if __name__ == "__main__":
    main()
