"""Runs the whole shop on one machine for a demo, and stops it whole: `python -m shop.serve`, called by script/server.

It ends on Ctrl-C, SIGTERM and SIGHUP, and when the process that started it dies, in whatever way. `nohup` says that it
should outlive that process, so then it does. All that it started ends with it, even when it is killed with SIGKILL.
"""

import ctypes
import hashlib
import http.client
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from shop.localpg import LocalServer, LocalServerError, demo_environment, ensure_running, running
from shop.localpg.demo import demo_secrets
from shop.localpg.launch import PR_SET_PDEATHSIG
from shop.localpg.places import PROJECT, asked_dir, current_home
from shop.localpg.processes import Child

HOST = "127.0.0.1"
READY_PATIENCE_SECONDS = 60
WORKER_REST_SECONDS = 30
"""The longest that a worker which keeps dying rests before it is started again."""
_PROGRAMS = Path(sys.executable).parent
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What decides the tables and rows that a start puts into the database.
_PREPARED_FROM = (
    "migrations",
    "shop/data",
    "shop/registry",
    "shop/catalogue",
    "shop/demo",
    "shop/jobs",
    "requirements.lock",
)
_GREETING = """\
Ganwei is ready: {address}

Sign in with the password ganwei-demo as
  buyer@demo.ganwei.test     a private buyer: find 兰州百合, order it, pay by bank transfer
  canteen@demo.ganwei.test   a canteen of a central unit: buy on account, accept by weight
  tianjin@demo.ganwei.test   Tianjin's officer: report a sale made elsewhere, with its invoice
  operator@demo.ganwei.test  the shop's operator: confirm that sale, set stock and prices
  finance@demo.ganwei.test   finance: record a bank receipt, see the totals, drill down
  auditor@demo.ganwei.test   an auditor: reads everything, changes nothing

API: {address}/api/v1/docs    Ctrl-C stops it.
"""


class ServeError(Exception):
    """The shop cannot be served as asked. The message says what to do."""


def main() -> None:
    """Serve until told to stop. Exits with 0 then, and with 1 and a message when something went wrong."""
    try:
        _end_with_parent()
        for signum in _STOP_SIGNALS:
            if signum is not signal.SIGHUP or not _is_nohup():
                signal.signal(signum, _stop)
        port = _free_port(os.environ.get("PORT", "8000"))
        _serve(port)
    except (ServeError, LocalServerError) as error:
        sys.exit(f"error: {error}")


def _serve(port: int) -> None:
    # Where the web server's processes add up what they count.
    with tempfile.TemporaryDirectory(prefix="ganwei-counts-") as counts:
        _serve_counting(port, counts)


def _serve_counting(port: int, counts: str) -> None:
    embedded = not os.environ.get("DATABASE_URL")
    server = ensure_running() if embedded else None
    web = worker = None
    try:
        env = _environment(server) | {"PROMETHEUS_MULTIPROC_DIR": counts}
        _prepare(env, server)
        web = _start_web(env, port)
        _wait_until_ready(web, port)
        # After the web server, which it would slow down; nobody waits for a job.
        worker = _Worker(env)
        print(_GREETING.format(address=f"http://{HOST}:{port}"), flush=True)  # noqa: T201 - the operator reads it
        while web.wait(0.5) is None:
            worker.keep()
            # Another process may have started the database and ended, or the database may have been killed.
            if embedded and running() is None:
                print("The database has stopped. Starting it again.", file=sys.stderr, flush=True)  # noqa: T201 - same
                server = ensure_running()
        raise ServeError("The web server ended by itself. Its last words are above.")
    finally:
        # A second Ctrl-C must not leave half of it behind.
        for signum in _STOP_SIGNALS:
            signal.signal(signum, signal.SIG_IGN)
        for child in (web, worker):
            if child is not None:
                child.stop()
        if server is not None:
            server.stop()


def _environment(server: LocalServer | None) -> dict[str, str]:
    """The children's environment. What the operator set wins, but for the address of the database that we started."""
    defaults = {}
    if os.environ.get("GANWEI_DEMO", "1") == "1":
        defaults = {"GANWEI_DEMO": "1", **demo_secrets(asked_dir(None))}
    if server is None:
        return {**defaults, **os.environ}
    own = demo_environment(server)
    urls = {name: own[name] for name in ("DATABASE_URL", "DATABASE_OWNER_URL")}
    return {**defaults, **os.environ, **urls}


def _prepare(env: dict[str, str], server: LocalServer | None) -> None:
    """Migrate and load, unless nothing has changed since the last time. Each command can be repeated."""
    stamp = None if server is None else current_home(server.data_dir) / "prepared"
    wanted = "" if server is None else _fingerprint(server)
    if stamp is not None and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    commands = [["db", "upgrade"], ["reference", "load"]]
    if env.get("GANWEI_DEMO") == "1":
        commands.append(["demo", "load"])
    for command in commands:
        argv = [str(_PROGRAMS / "flask"), "--app", str(PROJECT / "wsgi.py"), *command]
        if code := Child(argv, env=env).wait():
            raise ServeError(f"`flask --app wsgi {' '.join(command)}` failed with exit code {code}; see above.")
    if stamp is not None:
        stamp.write_text(wanted, encoding="utf-8")


def _fingerprint(server: LocalServer) -> str:
    digest = hashlib.sha256()
    # A cluster's own number, drawn when it is made: another cluster is another, still empty, database.
    control = current_home(server.data_dir) / "cluster" / "global" / "pg_control"
    digest.update(control.read_bytes()[:8])
    for path in _prepared_from():
        digest.update(f"{path.relative_to(PROJECT)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _prepared_from() -> Iterator[Path]:
    for name in _PREPARED_FROM:
        source = PROJECT / name
        for path in sorted([source, *source.rglob("*")]):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _start_web(env: dict[str, str], port: int) -> Child:
    argv = [str(_PROGRAMS / "gunicorn"), "wsgi:app", f"--bind={HOST}:{port}", f"--chdir={PROJECT}"]
    argv += ["--worker-class=gthread", "--workers=2", "--threads=4", "--log-level=warning", "--no-control-socket"]
    return Child(argv, env=env)


class _Worker:
    """The process for background jobs. Where it dies it is started again, each time after a longer rest."""

    def __init__(self, env: dict[str, str]) -> None:
        self._env = env
        self._rest_seconds = 1.0
        self._again_at: float | None = None
        self._child = self._start()

    def keep(self) -> None:
        """Start the process again if it has died and had its rest. Never waits."""
        code = self._child.wait(0)
        if code is None:
            return
        if self._again_at is None:
            if time.monotonic() - self._started_at > WORKER_REST_SECONDS:
                self._rest_seconds = 1.0
            self._again_at = time.monotonic() + self._rest_seconds
            print(f"The worker ended with {code}. Starting it again.", file=sys.stderr, flush=True)  # noqa: T201 - same
            self._rest_seconds = min(2 * self._rest_seconds, WORKER_REST_SECONDS)
        elif time.monotonic() > self._again_at:
            self._child = self._start()

    def stop(self) -> None:
        """Stop the process and wait for it: what it is at is finished first."""
        self._child.stop()

    def _start(self) -> Child:
        self._started_at = time.monotonic()
        self._again_at = None
        argv = [str(_PROGRAMS / "flask"), "--app", str(PROJECT / "wsgi.py"), "jobs", "run"]
        return Child(argv, env=self._env)


def _wait_until_ready(web: Child, port: int) -> None:
    deadline = time.monotonic() + READY_PATIENCE_SECONDS
    while (status := _readiness(port)) != http.HTTPStatus.OK:
        if web.wait(0.1) is not None:
            raise ServeError("The web server did not start. Its last words are above.")
        if time.monotonic() > deadline:
            raise ServeError(f"/readyz did not answer 200 within {READY_PATIENCE_SECONDS} seconds; last: {status}.")


def _readiness(port: int) -> int | None:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _free_port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise ServeError(f"PORT must be a number from 1 to 65535, not {text!r}.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, int(text)))
        except OSError as error:
            raise ServeError(
                f"Port {text} cannot be used ({error.strerror}). Stop what uses it, or choose another: "
                "PORT=8001 script/server"
            ) from error
    return int(text)


def _end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the process that started us dies, unless `nohup` asked for the contrary."""
    if not _is_nohup():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _is_nohup() -> bool:
    return signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def _stop(_signum: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main()
