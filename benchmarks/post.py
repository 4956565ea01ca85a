"""Rate of `ledger.post`, one entry of one transfer a commit, over that of `pgbench -N`. Budget: at least 0.3.

Eight client processes each; half of pgbench's time before ours and half after it, on the same server with fsync.
"""

import argparse
import json
import multiprocessing
import re
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


def main() -> None:
    """Measure both and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="how long each of the two runs (default 10)")
    seconds = parser.parse_args().seconds
    with throwaway_server() as server:
        _pgbench(server, "-i", "-q", "-s", str(SCALE))
        before = _pgbench_rate(server, seconds / 2)
        url = new_ledger(server, "posting")
        _seed(url)
        ours = _post_rate(url, seconds)
        reference = (before + _pgbench_rate(server, seconds / 2)) / 2
    figures = {
        "benchmark": "post",
        "clients": CLIENTS,
        "posts_per_second": round(ours),
        "reference": "pgbench -N",
        "reference_per_second": round(reference),
        "ratio": round(ours / reference, 2),
        "budget": f"at least {BUDGET}",
        "ok": ours >= BUDGET * reference,
    }
    print(json.dumps(figures))


def _pgbench(server: LocalServer, *options: str) -> str:
    target = ("-h", str(server.socket_dir), "-p", "5432", "-U", "postgres", "postgres")
    command = [str(program("pgbench")), *options, *target]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return done.stdout


def _pgbench_rate(server: LocalServer, seconds: float) -> float:
    said = _pgbench(server, "-N", "-n", "-c", str(CLIENTS), "-j", "2", "-T", str(max(1, round(seconds))))
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


def _post_rate(url: str, seconds: int) -> float:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(CLIENTS)
    counts = context.SimpleQueue()
    clients = [context.Process(target=_client, args=(url, n, seconds, start, counts)) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    posted: int = sum(counts.get() for _ in clients)
    for client in clients:
        client.join()
    return posted / seconds


def _client(url: str, number: int, seconds: int, start: Barrier, counts: "multiprocessing.SimpleQueue[int]") -> None:
    """Post until the time is over, one commit each, after a warm-up of one."""
    engine = create_engine(url)
    drafts = _today(10**9, f"client{number}")
    posted = -1
    with Session(engine) as session:
        deadline = float("inf")
        while time.perf_counter() < deadline:
            ledger.post(session, next(drafts), by="benchmark")
            session.commit()
            posted += 1
            if posted == 0:
                start.wait()
                deadline = time.perf_counter() + seconds
    engine.dispose()
    counts.put(posted)


if __name__ == "__main__":
    main()
