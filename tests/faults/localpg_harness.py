"""Helpers for tests that start, kill and look at embedded servers."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from shop.localpg import LocalServer, ensure_running
from shop.localpg.places import PROJECT

# Processes are killed here, never the machine: what was written survives without fsync.
FAST = {"fsync": "off", "shared_buffers": "16MB", "io_method": "sync", "max_connections": "20"}

_STARTER = """
import sys
from pathlib import Path
from shop.localpg import ensure_running
server = ensure_running(Path(sys.argv[1]), settings=dict(pair.split("=", 1) for pair in sys.argv[2:]))
print(server.pid, flush=True)
sys.stdin.read()
"""


def query(
    server: LocalServer, sql: str, *, role: str = "ganwei_owner", database: str = "ganwei"
) -> list[tuple[Any, ...]]:
    """Run one statement in a connection of its own."""
    engine = create_engine(server.url(role=role, database=database), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        result = connection.execute(text(sql))
        return [tuple(row) for row in result] if result.returns_rows else []


@contextmanager
def at_work(server: LocalServer, sql: str) -> Iterator[None]:
    """A client whose backend is deep in a statement for the length of a block. It is expected to lose its server."""

    def run() -> None:
        with suppress(OperationalError):
            query(server, sql)

    client = threading.Thread(target=run)
    client.start()
    seen = f"SELECT 1 FROM pg_stat_activity WHERE query = '{sql}' AND state = 'active'"  # noqa: S608 - our own words
    wait_until(lambda: query(server, seen, role="postgres"))
    yield
    client.join()


@contextmanager
def served(data_dir: Path) -> Iterator[LocalServer]:
    """A server for the length of a block."""
    server = ensure_running(data_dir, settings=FAST)
    try:
        yield server
    finally:
        server.stop()


def begin_starter(data_dir: Path) -> "subprocess.Popen[str]":
    """Another process that starts or attaches, says the postmaster's pid, and waits for the end of its input."""
    return subprocess.Popen(  # noqa: S603 - this interpreter and our own words
        [sys.executable, "-c", _STARTER, str(data_dir), *(f"{name}={value}" for name, value in FAST.items())],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said_pid(starter: "subprocess.Popen[str]") -> int:
    """The postmaster's pid that a starter reports."""
    assert starter.stdout is not None
    return int(starter.stdout.readline())


@contextmanager
def ended(*starters: "subprocess.Popen[str]") -> Iterator[None]:
    """End starters after a block, whatever happened in it."""
    try:
        yield
    finally:
        for starter in starters:
            starter.send_signal(signal.SIGKILL)
            starter.communicate()


def is_alive(pid: int) -> bool:
    """Whether a process runs. A zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition: Callable[[], object], *, timeout_seconds: float = 30) -> None:
    """Wait for a condition, or fail."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def permissions(path: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode, owner and group of a path and of every directory above it."""
    found = {directory: directory.stat() for directory in (path, *path.parents)}
    return {directory: (stat.st_mode, stat.st_uid, stat.st_gid) for directory, stat in found.items()}


def listens_on_tcp(pid: int) -> bool:
    """Whether a process holds a listening TCP socket."""
    held = {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text(encoding="utf-8").splitlines()[1:]:
            words = line.split()
            if words[3] == "0A":
                listening.add(f"socket:[{words[9]}]")
    return bool(held & listening)
