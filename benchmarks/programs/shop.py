"""The shop under gunicorn beside a bare view, and requests to both."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shop.localpg import LocalServer

PROJECT = Path(__file__).resolve().parent.parent.parent
HOST = "127.0.0.1"
JSON_TYPE = {"Content-Type": "application/json"}
BARE, SHOP = "benchmarks.programs.bare:app", "wsgi:app"

Request = tuple[str, str, str | None, dict[str, str]]
"""Method, path, body and headers."""


@dataclass(frozen=True)
class Gunicorn:
    """One that runs."""

    port: int
    pid: int

    def worker_megabytes(self) -> list[float]:
        """Tell how much memory each worker holds for itself: what it shares with its siblings counts in part (PSS)."""
        workers = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [_pss_kilobytes(worker) / 1024 for worker in workers]


def _pss_kilobytes(pid: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def demo_shop(server: LocalServer) -> dict[str, str]:
    """Fill a database with the demo, and give the environment in which the shop uses it."""
    secrets = dict.fromkeys(("SECRET_KEY", "SECURITY_PASSWORD_SALT", "TOTP_SECRET"), "benchmark-" * 5)
    urls = {"DATABASE_URL": server.url(), "DATABASE_OWNER_URL": server.url(role="ganwei_owner")}
    env = os.environ | secrets | urls | {"GANWEI_DEMO": "1"}
    for command in (["db", "upgrade"], ["reference", "load"], ["demo", "load"]):
        _run(["flask", "--app", "wsgi", *command], env)
    return env


def bearer(port: int, who: str) -> dict[str, str]:
    """Sign one of the demo's people in to the API, and give the header for their requests."""
    login = json.dumps({"email": f"{who}@demo.ganwei.test", "password": "ganwei-demo"})
    token = json.loads(send(http.client.HTTPConnection(HOST, port), ("POST", "/api/v1/tokens", login, JSON_TYPE)))
    return {"Authorization": f"Bearer {token['token']}"}


def send(connection: http.client.HTTPConnection, request: Request) -> bytes:
    """Send a request and return what came back, which must be a success."""
    method, path, body, headers = request
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status not in {http.HTTPStatus.OK, http.HTTPStatus.CREATED}:
        raise RuntimeError(f"{method} {path}: {answer.status} {content[:500]!r}")
    return content


@contextmanager
def gunicorn(application: str, env: dict[str, str]) -> Iterator[Gunicorn]:
    """Run an application under two workers of four threads, and wait until it answers."""
    with socket.create_server((HOST, 0)) as probe:
        port = int(probe.getsockname()[1])
    argv = [str(Path(sys.executable).parent / "gunicorn"), application, f"--bind={HOST}:{port}"]
    argv += ["--worker-class=gthread", "--workers=2", "--threads=4", "--log-level=error"]
    process = subprocess.Popen(argv, env=env, cwd=PROJECT, stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        yield Gunicorn(port, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            send(http.client.HTTPConnection(HOST, port), ("GET", "/", None, {}))
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"nothing answers on port {port}")


def _run(argv: list[str], env: dict[str, str]) -> None:
    program = str(Path(sys.executable).parent / argv[0])
    subprocess.run([program, *argv[1:]], env=env, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
