"""Requests a second of the product list and of placing orders, over those of a bare Flask view under the same gunicorn.

Budgets: the product list at least 0.35 of the bare view, placing an order at least 0.1. In turns.
"""

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

from benchmarks.figures import Figure, rounded
from benchmarks.server import throwaway_server

PROJECT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
CLIENTS = 8
LIST_BUDGET, ORDER_BUDGET = 0.35, 0.1
JSON_TYPE = {"Content-Type": "application/json"}

Request = tuple[str, str, str | None, dict[str, str]]


def main() -> None:
    """Measure the three in turns and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=2, help="how long each turn of each of the three takes (default 2)"
    )
    parser.add_argument("--turns", type=int, default=5, help="how many turns each has (default 5)")
    asked = parser.parse_args()
    with throwaway_server() as server:
        secrets = dict.fromkeys(("SECRET_KEY", "SECURITY_PASSWORD_SALT", "TOTP_SECRET"), "benchmark-" * 5)
        env = (
            os.environ
            | secrets
            | {
                "DATABASE_URL": server.url(),
                "DATABASE_OWNER_URL": server.url(role="ganwei_owner"),
                "GANWEI_DEMO": "1",
            }
        )
        for command in (["db", "upgrade"], ["reference", "load"], ["demo", "load"]):
            _run(["flask", "--app", "wsgi", *command], env)
        engine = create_engine(server.url())
        with engine.begin() as connection:
            connection.execute(text("UPDATE sku SET stock = 100000000"))
        engine.dispose()
        rates = _rates(env, seconds=asked.seconds, turns=asked.turns)
    bare, listed, ordered = (statistics.median(rates[name]) for name in ("bare", "list", "order"))
    figure = Figure(
        name="shop_http",
        value=listed,
        unit="requests/s",
        reference=bare,
        ratio=listed / bare,
        budget=f"at least {LIST_BUDGET}",
        ok=listed >= LIST_BUDGET * bare and ordered >= ORDER_BUDGET * bare,
    )
    figure.show(
        value_is="the product list",
        reference_is="a bare Flask view",
        order_value=rounded(ordered),
        order_ratio=rounded(ordered / bare),
        order_budget=f"at least {ORDER_BUDGET}",
    )


def _rates(env: dict[str, str], *, seconds: float, turns: int) -> dict[str, list[float]]:
    """Give the rate of every turn. Both servers stand by all the time; an idle one costs nothing."""
    rates: dict[str, list[float]] = {"bare": [], "list": [], "order": []}
    with _gunicorn("benchmarks.programs.bare:app", env) as bare, _gunicorn("wsgi:app", env) as shop:
        order = _orders(shop)
        for _ in range(turns):
            rates["bare"].append(_rate(bare, _front_page, seconds))
            rates["list"].append(_rate(shop, _front_page, seconds))
            rates["order"].append(_rate(shop, order, seconds))
    return rates


def _front_page() -> Request:
    return "GET", "/", None, {}


def _orders(port: int) -> Callable[[], Request]:
    login = json.dumps({"email": "buyer@demo.ganwei.test", "password": "ganwei-demo"})
    token = json.loads(_send(http.client.HTTPConnection(HOST, port), ("POST", "/api/v1/tokens", login, JSON_TYPE)))
    headers = JSON_TYPE | {"Authorization": f"Bearer {token['token']}"}
    skus = [f"GS{number:03}-1" for number in range(1, 41)]
    ship_to = {"name": "x", "phone": "13800000000", "region_code": "120000", "address": "x"}
    turn = iter(range(10**9))

    def order() -> Request:
        lines = [{"sku": skus[next(turn) % len(skus)], "quantity": 1}]
        body = {"lines": lines, "ship_to": ship_to, "payment_method": "bank_transfer"}
        return "POST", "/api/v1/orders", json.dumps(body), headers

    return order


def _rate(port: int, request: Callable[[], Request], seconds: float) -> float:
    """Return requests a second of all clients together, each on a connection of its own."""
    _send(http.client.HTTPConnection(HOST, port), request())  # the first request of a worker is not like the others
    deadline = time.monotonic() + seconds

    def client(_: int) -> int:
        connection = http.client.HTTPConnection(HOST, port)
        sent = 0
        while time.monotonic() < deadline:
            _send(connection, request())
            sent += 1
        connection.close()
        return sent

    began = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        total = sum(pool.map(client, range(CLIENTS)))
    return total / (time.monotonic() - began)


def _send(connection: http.client.HTTPConnection, request: Request) -> bytes:
    method, path, body, headers = request
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status not in {http.HTTPStatus.OK, http.HTTPStatus.CREATED}:
        raise RuntimeError(f"{method} {path}: {answer.status} {content[:500]!r}")
    return content


@contextmanager
def _gunicorn(application: str, env: dict[str, str]) -> Iterator[int]:
    with socket.create_server((HOST, 0)) as probe:
        port = int(probe.getsockname()[1])
    argv = [str(Path(sys.executable).parent / "gunicorn"), application, f"--bind={HOST}:{port}"]
    argv += ["--worker-class=gthread", "--workers=2", "--threads=4", "--log-level=error"]
    process = subprocess.Popen(argv, env=env, cwd=PROJECT, stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            _send(http.client.HTTPConnection(HOST, port), ("GET", "/", None, {}))
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"nothing answers on port {port}")


def _run(argv: list[str], env: dict[str, str]) -> None:
    program = str(Path(sys.executable).parent / argv[0])
    subprocess.run([program, *argv[1:]], env=env, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
