"""Rate of `ledger.post`, one entry of one transfer a commit, over that of `pgbench -N`. Budget: at least 0.3.

Eight client processes each, on one server with fsync, in turns of a few seconds so that whatever else the machine does
falls on both. The ratio is the median of the turns'.
"""

import argparse
import re
import statistics
import subprocess

from benchmarks.figures import Figure, rounded
from benchmarks.programs import poster
from benchmarks.programs.turns import clients
from benchmarks.server import new_ledger, program, throwaway_server
from shop.localpg import LocalServer

BUDGET = 0.3
CLIENTS = 8
SCALE = 10


def main() -> None:
    """Measure both in turns and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="how long each turn of each takes (default 3)")
    parser.add_argument("--turns", type=int, default=5, help="how many turns each has (default 5)")
    asked = parser.parse_args()
    with throwaway_server() as server:
        _pgbench(server, "-i", "-q", "-s", str(SCALE))
        url = new_ledger(server, "posting")
        poster.seed(url)
        with clients(poster.commands(url, count=CLIENTS)) as post:
            turns = [(_pgbench_rate(server, asked.seconds), post(asked.seconds)) for _ in range(asked.turns)]
    ratios = [ours / reference for reference, ours in turns]
    ratio = statistics.median(ratios)
    figure = Figure(
        name="post",
        value=statistics.median(ours for _, ours in turns),
        unit="posts/s",
        reference=statistics.median(reference for reference, _ in turns),
        ratio=ratio,
        budget=f"at least {BUDGET}",
        ok=ratio >= BUDGET,
    )
    figure.show(reference_is="pgbench -N", clients=CLIENTS, ratios=[rounded(each) for each in ratios])


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


if __name__ == "__main__":
    main()
