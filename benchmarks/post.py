"""Rate of `ledger.post`, one entry of one transfer a commit, over that of `pgbench -N`. Budget: at least 0.3.

Eight client processes each, on one server with fsync, in turns of a few seconds so that whatever else the machine does
falls on both. The ratio is the median of the turns.
"""

import argparse
import json
import multiprocessing
import re
import statistics
import subprocess
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

import ledger
from benchmarks.drafts import sales
from benchmarks.server import new_ledger, program, throwaway_server
from shop.localpg import LocalServer

BUDGET = 0.3
CLIENTS = 8
SCALE = 10
TURNS = 5
WARM_UP = 20
PATIENCE_SECONDS = 120


def main() -> None:
    """Measure both in turns and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="how long each turn of each takes (default 3)")
    seconds = parser.parse_args().seconds
    with throwaway_server() as server:
        _pgbench(server, "-i", "-q", "-s", str(SCALE))
        url = new_ledger(server, "posting")
        _seed(url)
        turns = _turns(server, url, seconds)
    ratio = statistics.median(ours / reference for ours, reference in turns)
    figures = {
        "benchmark": "post",
        "clients": CLIENTS,
        "posts_per_second": round(statistics.median(ours for ours, _ in turns)),
        "reference": "pgbench -N",
        "reference_per_second": round(statistics.median(reference for _, reference in turns)),
        "ratio": round(ratio, 2),
        "ratios": [round(ours / reference, 2) for ours, reference in turns],
        "budget": f"at least {BUDGET}",
        "ok": ratio >= BUDGET,
    }
    print(json.dumps(figures))


def _turns(server: LocalServer, url: str, seconds: int) -> list[tuple[float, float]]:
    """Give our rate and the reference's for each turn; our clients wait while the reference runs."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(CLIENTS + 1)
    counts = context.SimpleQueue()
    clients = [context.Process(target=_client, args=(url, n, seconds, start, counts)) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    start.wait(PATIENCE_SECONDS)
    turns = []
    for _ in range(TURNS):
        reference = _pgbench_rate(server, seconds)
        start.wait(PATIENCE_SECONDS)
        posted: int = sum(counts.get() for _ in clients)
        turns.append((posted / seconds, reference))
    for client in clients:
        client.join()
    return turns


def _pgbench(server: LocalServer, *options: str) -> str:
    target = ("-h", str(server.socket_dir), "-p", "5432", "-U", "postgres", "postgres")
    command = [str(program("pgbench")), *options, *target]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return done.stdout


def _pgbench_rate(server: LocalServer, seconds: int) -> float:
    said = _pgbench(server, "-N", "-n", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds))
    found = re.search(r"tps = ([\d.]+)", said)
    if found is None:
        raise RuntimeError(said)
    return float(found[1])


def _seed(url: str) -> None:
    """Post what was posted before: the accounts exist, and all pairs of them have been used today."""
    engine = create_engine(url)
    with Session(engine) as session:
        ledger.post_many(session, _today(20_000, "seed"), by="benchmark")
        session.commit()
    engine.dispose()


def _today(count: int, prefix: str) -> Iterator[ledger.Draft]:
    return sales(count, partners=40, counties=86, days=1, prefix=prefix)


def _client(url: str, number: int, seconds: int, start: Barrier, counts: "multiprocessing.SimpleQueue[int]") -> None:
    """Post for some seconds in every turn, one commit each, after a warm-up."""
    engine = create_engine(url)
    drafts = _today(10**9, f"client{number}")
    # One connection for one client, as pgbench has it, and not one from the pool for every commit.
    with engine.connect() as connection, Session(connection) as session:
        for _ in range(WARM_UP):
            _post(session, next(drafts))
        start.wait(PATIENCE_SECONDS)
        for _ in range(TURNS):
            start.wait(PATIENCE_SECONDS)
            posted = 0
            deadline = time.perf_counter() + seconds
            while time.perf_counter() < deadline:
                _post(session, next(drafts))
                posted += 1
            counts.put(posted)
    engine.dispose()


def _post(session: Session, draft: ledger.Draft) -> None:
    ledger.post(session, draft, by="benchmark")
    session.commit()


if __name__ == "__main__":
    main()
