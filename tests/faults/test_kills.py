"""kill -9 of web, worker and database under mixed traffic: nothing is lost, nothing happens twice.

A few kills in `script/test`, fifty with GANWEI_PROFILE=nightly.
"""

import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.finance import agreement
from shop.localpg import LocalServer, destroy, running
from tests.faults.localpg_harness import query, wait_until
from tests.faults.test_server import Site
from tests.faults.traffic import Traffic
from tests.profile import IS_NIGHTLY

CLIENTS = 4
ROUNDS = 50 if IS_NIGHTLY else 3
SECONDS_BETWEEN = 2.0


@pytest.fixture
def site() -> Iterator[Site]:
    """Return a demo of its own; whatever is left of it afterwards is killed."""
    with tempfile.TemporaryDirectory(prefix="ganwei-kills-") as name:
        path = Path(name)
        path.chmod(0o711)  # so that root's other user can reach the data
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        found = Site(path / "postgres", port)
        yield found
        for pid in found.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if found.process is not None:
            found.process.wait()
        wait_until(lambda: not found.processes())
        destroy(path / "postgres")


def kill_web_child(site: Site) -> None:
    """Kill one of the processes that answer; the web server starts another."""
    killed = site.web()[-1]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: killed not in site.web() and len(site.web()) >= 3)


def kill_worker(site: Site) -> None:
    """Kill the worker; it is started again."""
    # It may be resting after its database was killed.
    wait_until(lambda: site.worker() is not None, timeout_seconds=90)
    killed = site.worker()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: site.worker() not in {None, killed}, timeout_seconds=90)


def kill_database(site: Site) -> None:
    """Kill the database's first process; it is started again and recovers."""
    killed = site.postmaster()
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: (server := running(site.data_dir)) is not None and server.pid != killed, timeout_seconds=90)


def kill_everything(site: Site) -> None:
    """Kill the web server's first process, with which all ends; the operator starts it again."""
    process = site.process
    assert process is not None
    os.kill(site.web()[0], signal.SIGKILL)
    process.wait(timeout=60)
    wait_until(lambda: site.processes() == [], timeout_seconds=60)
    site.start()


KILLS: tuple[Callable[[Site], None], ...] = (kill_web_child, kill_database, kill_worker, kill_everything)


class TestKills:
    def test_lose_nothing_and_double_nothing(self, site: Site) -> None:
        site.start()
        server = running(site.data_dir)
        assert server is not None
        query(server, "UPDATE sku SET stock = 1000000 WHERE code = 'GS001-1'")
        before = Counts(site)
        traffic = Traffic(site.port)

        with traffic.flowing(clients=CLIENTS) as told:
            for number in range(ROUNDS):
                time.sleep(SECONDS_BETWEEN)
                KILLS[number % len(KILLS)](site)
                wait_until(lambda: site.readiness() == 200, timeout_seconds=90)
            time.sleep(SECONDS_BETWEEN)

        after = Counts(site)
        assert told.repeats > 0, "the kills disturbed nobody, so they proved nothing"
        assert len(told.orders) > ROUNDS
        assert len(told.sales) > ROUNDS
        assert set(told.orders.values()) == {"accepted"}
        assert after.orders - before.orders == set(told.orders)
        assert sorted(after.receipts - before.receipts) == sorted(told.receipts)
        assert sorted(after.sales - before.sales) == sorted(told.sales)
        stock = query(site_server(site), "SELECT stock FROM sku WHERE code = 'GS001-1'")
        assert stock == [(1_000_000 - 2 * len(told.orders),)]
        assert problems(site) == []


class Counts:
    """What the database holds."""

    def __init__(self, site: Site) -> None:
        """Read it."""
        server = site_server(site)
        self.orders = {number for (number,) in query(server, 'SELECT number FROM "order"')}
        self.receipts = {reference for (reference,) in query(server, "SELECT reference FROM bank_receipt")}
        self.sales = {
            reference for (reference,) in query(server, "SELECT reference FROM sale WHERE status = 'confirmed'")
        }
        rows = query(server, "SELECT count(*) FROM bank_receipt")
        assert rows == [(len(self.receipts),)], "a reference of the bank is there twice"


def site_server(site: Site) -> LocalServer:
    """Return the site's database."""
    server = running(site.data_dir)
    assert server is not None
    return server


def problems(site: Site) -> list[str]:
    """Verify the books by themselves and against all documents, as the application's role."""
    server = running(site.data_dir)
    assert server is not None
    engine = sa.create_engine(server.url(), poolclass=sa.NullPool)
    with Session(engine) as session:
        verdict = agreement.verify(session)
    return [f"{problem.check}: {problem.count}; {problem.row}: {problem.message}" for problem in verdict.problems]
