"""Rate of `ledger.post` over that of the same work done through django-hordak. Budget: at least 3.

Eight client processes each, one sale a commit, on the same server with fsync, over the same 40 partners and 86
counties, with 20,000 sales in both books before, in short turns.

Hordak does the sale as a Transaction with two Legs: its newest release in an environment of its own, with the tables,
constraints and triggers of its migrations, one lasting connection a client, prepared statements, accounts in memory.
A post happens once however often it is sent; hordak leaves that to its user, so its books have a table of keys, written
in the same database transaction. Two ways take turns, and the reference is the faster of them: `Account.transfer_to()`,
which its documentation recommends (three INSERTs and the key's), and the same models with both legs in one
`bulk_create` (two INSERTs and the key's), which leaves out the checks in Python. Hordak keeps no balances, no daily
matrix and no closed months: it still does less than a post does.
"""

import argparse
import statistics
import subprocess
from contextlib import ExitStack

from sqlalchemy import create_engine, text

from benchmarks.figures import Figure, rounded
from benchmarks.hordak import environment
from benchmarks.programs import poster
from benchmarks.programs.turns import PROJECT, clients
from benchmarks.server import new_ledger, throwaway_server
from shop.localpg import LocalServer

BUDGET = 3
CLIENTS = 8
DATABASE = "hordak"
WAYS = ("transfer_to", "bulk_create")
OURS = "ours"


def main() -> None:
    """Measure all in turns and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1, help="how long each turn of each takes (default 1)")
    parser.add_argument("--turns", type=int, default=15, help="how many turns each has (default 15)")
    asked = parser.parse_args()
    with throwaway_server() as server:
        rates = _rates(server, seconds=asked.seconds, turns=asked.turns)
    reference = max(WAYS, key=lambda way: statistics.median(rates[way]))
    ratios = [ours / theirs for ours, theirs in zip(rates[OURS], rates[reference], strict=True)]
    ratio = statistics.median(ratios)
    figure = Figure(
        name="post_vs_hordak",
        value=statistics.median(rates[OURS]),
        unit="posts/s",
        reference=statistics.median(rates[reference]),
        ratio=ratio,
        budget=f"at least {BUDGET}",
        ok=ratio >= BUDGET,
    )
    figure.show(
        reference_is=f"django-hordak {environment.version()}, {reference}",
        clients=CLIENTS,
        ratios=[rounded(each) for each in ratios],
        **{way: rounded(statistics.median(rates[way])) for way in WAYS},
    )


def _rates(server: LocalServer, *, seconds: float, turns: int) -> dict[str, list[float]]:
    """Give the rate of every turn, of ours and of both ways of hordak. Who has no turn waits."""
    url = new_ledger(server, "posting")
    poster.seed(url)
    commands = {OURS: poster.commands(url, count=CLIENTS)} | _hordak(server)
    rates: dict[str, list[float]] = {name: [] for name in commands}
    with ExitStack() as stack:
        started = {name: stack.enter_context(clients(each)) for name, each in commands.items()}
        for _ in range(turns):
            for name, turn in started.items():
                rates[name].append(turn(seconds))
    return rates


def _hordak(server: LocalServer) -> dict[str, list[list[str]]]:
    """Make hordak's books and list the commands of its clients."""
    superuser = create_engine(server.url(role="postgres"), isolation_level="AUTOCOMMIT")
    with superuser.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {DATABASE} OWNER ganwei_owner"))
    superuser.dispose()
    python, target = str(environment.interpreter()), [str(server.socket_dir), DATABASE]
    subprocess.run([python, "-m", "benchmarks.hordak.books", *target, str(poster.SEED)], cwd=PROJECT, check=True)
    client = [python, "-m", "benchmarks.hordak.client", *target]
    return {way: [[*client, way, str(number)] for number in range(CLIENTS)] for way in WAYS}


if __name__ == "__main__":
    main()
