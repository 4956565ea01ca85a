"""Time of the shop's requests at 10,000 products and 1,000,000 transfers, beside a bare Flask view: p50 and p95.

Products are copies of those that are shipped, under other names. Clients wait for their answer before they ask again,
so with several on few cores the times hold the wait for a core; `--clients 1` shows the server's own time. Each kind of
request has its turns, each search another word, so that nothing is answered from what visitors share for a moment.
Budget: every read within 200 ms of server time, which is the p95 of one client.
"""

import argparse
import http.client
import itertools
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

import ledger
from benchmarks.drafts import between
from benchmarks.figures import Figure, rounded
from benchmarks.programs.shop import BARE, HOST, JSON_TYPE, SHOP, Gunicorn, Request, bearer, demo_shop, gunicorn, send
from benchmarks.server import throwaway_server
from shop.localpg import LocalServer

BUDGET_MS = 200
Ask = Callable[[], Request]


def main() -> None:
    """Measure all kinds of requests in turns and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=10_000, help="about how many (default 10000)")
    parser.add_argument("--transfers", type=int, default=1_000_000, help="besides the demo's (default 1000000)")
    parser.add_argument("--clients", type=int, default=1, help="how many ask at once (default 1)")
    parser.add_argument("--seconds", type=float, default=1, help="how long each turn takes (default 1)")
    parser.add_argument("--turns", type=int, default=5, help="how many turns each has (default 5)")
    asked = parser.parse_args()
    with throwaway_server() as server:
        env = demo_shop(server)
        _grow(server, products=asked.products, transfers=asked.transfers)
        with gunicorn(BARE, env) as bare, gunicorn(SHOP, env) as shop:
            kinds = {"bare": (bare, _front_page)} | _kinds(
                shop, _words(server), pages=max(1, asked.products // 24 - 10)
            )
            times: dict[str, list[float]] = {name: [] for name in kinds}
            for _ in range(asked.turns):
                for name, (where, ask) in kinds.items():
                    times[name] += _turn(where.port, ask, clients=asked.clients, seconds=asked.seconds)
            megabytes = shop.worker_megabytes()
    _show({name: _percentiles(taken) for name, taken in times.items()}, megabytes, asked)


def _front_page() -> Request:
    return "GET", "/", None, {}


def _show(shown: dict[str, dict[str, float]], megabytes: list[float], asked: argparse.Namespace) -> None:
    reads = {name: row for name, row in shown.items() if name not in {"bare", "order"}}
    slowest = max(reads, key=lambda name: reads[name]["p95_ms"])
    worst_ms = reads[slowest]["p95_ms"]
    figure = Figure(
        name="shop_scale",
        value=worst_ms,
        unit="ms",
        reference=shown["bare"]["p95_ms"],
        ratio=worst_ms / shown["bare"]["p95_ms"],
        budget=f"value at most {BUDGET_MS}, with one client",
        ok=worst_ms <= BUDGET_MS,
    )
    figure.show(
        value_is=f"p95 of the slowest read: {slowest}",
        reference_is="a bare Flask view",
        products=asked.products,
        transfers=asked.transfers,
        clients=asked.clients,
        requests=shown,
        worker_megabytes=[rounded(each) for each in megabytes],
    )


def _grow(server: LocalServer, *, products: int, transfers: int) -> None:
    owner = create_engine(server.url(role="ganwei_owner"))
    with owner.begin() as connection:
        shipped = connection.execute(text("SELECT count(*) FROM product")).scalar_one()
        copies = max(0, products // shipped - 1)
        for table, changed in (
            ("product", "'id', id || 'x' || number, 'name', name || number, 'sort_key', sort_key || number"),
            ("sku", "'code', code || 'x' || number, 'product_id', product_id || 'x' || number"),
        ):
            connection.execute(
                text(
                    f"INSERT INTO {table} SELECT (jsonb_populate_record({table}, jsonb_build_object({changed}))).*"  # noqa: S608 -- our own words
                    f" FROM {table} CROSS JOIN generate_series(1, :copies) number"
                ),
                {"copies": copies},
            )
        connection.execute(text("UPDATE sku SET stock = 100000000"))
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    owner.dispose()
    engine = create_engine(server.url())
    _post(engine, transfers)
    engine.dispose()


def _post(engine: Engine, transfers: int) -> None:
    with Session(engine) as session:
        partners = list(session.scalars(text("SELECT code FROM partner WHERE code ~ '^[0-9]{6}$' ORDER BY code")))
        counties = list(
            session.scalars(text("SELECT code FROM region WHERE code LIKE '62%' AND code NOT LIKE '%00' ORDER BY code"))
        )
        givers = [ledger.partner_account(code, "direct", "canteen") for code in partners]
        getters = [ledger.county_account(code, category) for code in counties for category in ("produce", "grain")]
        for number, first in enumerate(range(0, transfers, 250_000)):
            count = min(250_000, transfers - first)
            drafts = between(givers, getters, count=count, days=730, prefix=f"scale{number}")
            ledger.post_many(session, drafts, by="benchmark")
            session.commit()
        while ledger.seal(session).count:  # as the worker does
            session.commit()
        session.commit()


def _words(server: LocalServer) -> list[str]:
    """List what people type: half of the shipped names, and the pinyin of the others."""
    engine = create_engine(server.url())
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT name, sort_key FROM product WHERE length(id) < 6 ORDER BY id")).all()
    engine.dispose()
    return [quote(row.name[:3] if number % 2 else row.sort_key[:8]) for number, row in enumerate(rows)]


def _kinds(shop: Gunicorn, words: list[str], *, pages: int) -> dict[str, tuple[Gunicorn, Ask]]:
    buyer, finance = bearer(shop.port, "buyer"), bearer(shop.port, "finance")
    turn = itertools.count()
    ship_to = {"name": "x", "phone": "13800000000", "region_code": "120000", "address": "x"}

    def order() -> Request:
        lines = [{"sku": f"GS{1 + next(turn) % 40:03}-1", "quantity": 1}]
        body = {"lines": lines, "ship_to": ship_to, "payment_method": "bank_transfer"}
        return "POST", "/api/v1/orders", json.dumps(body), JSON_TYPE | buyer

    def get(path: str, headers: dict[str, str]) -> Ask:
        def ask() -> Request:
            number = next(turn)
            return "GET", path.format(word=words[number % len(words)], page=1 + number % pages), None, headers

        return ask

    asks = {
        "list_page": get("/?page={page}", {}),
        "search_page": get("/?q={word}", {}),
        "list": get("/api/v1/products?page={page}", {}),
        "search": get("/api/v1/products?q={word}", {}),
        "totals": get("/api/v1/totals?book=aid&by=partner,mode", finance),
        "totals_by_county_and_month": get("/api/v1/totals?book=aid&by=county,month", finance),
        "transfers": get("/api/v1/ledger/transfers?account=county:620102:produce", finance),
        "order": order,
    }
    return {name: (shop, ask) for name, ask in asks.items()}


def _turn(port: int, ask: Ask, *, clients: int, seconds: float) -> list[float]:
    """Give the seconds of each request of all clients, each on a connection of its own."""
    send(http.client.HTTPConnection(HOST, port), ask())  # the first request of a worker is not like the others
    deadline = time.perf_counter() + seconds

    def client(_: int) -> list[float]:
        connection = http.client.HTTPConnection(HOST, port)
        taken = []
        while (began := time.perf_counter()) < deadline:
            send(connection, ask())
            taken.append(time.perf_counter() - began)
        connection.close()
        return taken

    with ThreadPoolExecutor(clients) as pool:
        return [seconds for taken in pool.map(client, range(clients)) for seconds in taken]


def _percentiles(taken: list[float]) -> dict[str, float]:
    hundredths = statistics.quantiles(taken, n=100)
    return {"p50_ms": rounded(hundredths[49] * 1000), "p95_ms": rounded(hundredths[94] * 1000), "requests": len(taken)}


if __name__ == "__main__":
    main()
