"""Requests a second of the product list and of placing orders, over those of a bare Flask view under the same gunicorn.

Budgets: the product list at least 0.35 of the bare view, placing an order at least 0.1. In turns.
"""

import argparse
import http.client
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import create_engine, text

from benchmarks.figures import Figure, rounded
from benchmarks.programs.shop import BARE, HOST, JSON_TYPE, SHOP, Request, bearer, demo_shop, gunicorn, send
from benchmarks.server import throwaway_server

CLIENTS = 8
LIST_BUDGET, ORDER_BUDGET = 0.35, 0.1


def main() -> None:
    """Measure the three in turns and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=2, help="how long each turn of each of the three takes (default 2)"
    )
    parser.add_argument("--turns", type=int, default=5, help="how many turns each has (default 5)")
    asked = parser.parse_args()
    with throwaway_server() as server:
        env = demo_shop(server)
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
    with gunicorn(BARE, env) as bare, gunicorn(SHOP, env) as shop:
        order = _orders(shop.port)
        for _ in range(turns):
            rates["bare"].append(_rate(bare.port, _front_page, seconds))
            rates["list"].append(_rate(shop.port, _front_page, seconds))
            rates["order"].append(_rate(shop.port, order, seconds))
    return rates


def _front_page() -> Request:
    return "GET", "/", None, {}


def _orders(port: int) -> Callable[[], Request]:
    headers = JSON_TYPE | bearer(port, "buyer")
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
    send(http.client.HTTPConnection(HOST, port), request())  # the first request of a worker is not like the others
    deadline = time.monotonic() + seconds

    def client(_: int) -> int:
        connection = http.client.HTTPConnection(HOST, port)
        sent = 0
        while time.monotonic() < deadline:
            send(connection, request())
            sent += 1
        connection.close()
        return sent

    began = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        total = sum(pool.map(client, range(CLIENTS)))
    return total / (time.monotonic() - began)


if __name__ == "__main__":
    main()
