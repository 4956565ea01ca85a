"""Clients of the shop's API that never give up: each repeats a request with its key until it has an answer.

What they were told is their own list of what happened, to be compared with the books.
"""

import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Any

from ledger import uuid7

PASSWORD = "ganwei-demo"
SHIP_TO = {"name": "李梅", "phone": "13800000000", "region_code": "120000", "address": "河西区友谊路 1 号"}
AGAIN = {409, 429, 500, 502, 503, 504}
"""Statuses after which the same request is sent again; of 409 only the one that says that it still runs."""

PATIENCE_SECONDS = 180


@dataclass
class Told:
    """What the clients were told."""

    orders: dict[str, str] = field(default_factory=dict)
    """The last status of each order, by its number."""
    receipts: list[str] = field(default_factory=list)
    """The reference of each bank receipt."""
    sales: list[str] = field(default_factory=list)
    """The reference of each sale that was confirmed."""
    repeats: int = 0
    """How often a request had to be sent again."""


class Traffic:
    """Mixed work over HTTP: orders are placed, paid and accepted, sales reported and confirmed."""

    def __init__(self, port: int) -> None:
        """Sign everybody in."""
        self.port = port
        self.told = Told()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._serial = count(1)
        self._run = uuid7().hex
        self._tokens = {
            who: self._send("POST", "/tokens", {"email": f"{who}@demo.ganwei.test", "password": PASSWORD})["token"]
            for who in ("buyer", "finance", "tianjin", "operator")
        }

    @contextmanager
    def flowing(self, *, clients: int) -> Any:
        """Let `clients` work for the length of a block, and finish what they are at after it."""
        with ThreadPoolExecutor(clients) as pool:
            jobs = [pool.submit(self._work, number) for number in range(clients)]
            try:
                yield self.told
            finally:
                self._stop.set()
        for job in jobs:
            job.result()

    def _work(self, number: int) -> None:
        while not self._stop.is_set():
            if number % 2:
                self._sell_elsewhere()
            else:
                self._buy()

    def _buy(self) -> None:
        wanted = {"lines": [{"sku": "GS001-1", "quantity": 2}], "ship_to": SHIP_TO, "payment_method": "bank_transfer"}
        order = self._send("POST", "/orders", wanted, who="buyer")
        self._note(order)
        reference = f"{self._run}-{next(self._serial)}"
        money = {
            "amount_fen": order["total_fen"],
            "paid_on": date.fromisoformat(order["placed_at"][:10]).isoformat(),
            "payer": "李梅",
            "reference": reference,
            "order_number": order["number"],
        }
        self._send("POST", "/bank-receipts", money, who="finance")
        with self._lock:
            self.told.receipts.append(reference)
        accepted = {"lines": [{"line_no": line["line_no"], "accepted_quantity": "2"} for line in order["lines"]]}
        self._note(self._send("POST", f"/orders/{order['number']}/receipts", accepted, who="buyer"))

    def _sell_elsewhere(self) -> None:
        serial = next(self._serial)
        sale = {
            "reference": f"K-{self._run[-12:]}-{serial}",
            "partner": "120000",
            "mode": "assisted",
            "channel": "market",
            "county": "620821",
            "category": "produce",
            "product": "泾川苹果",
            "quantity": "10",
            "unit": "箱",
            "amount_fen": 123_45,
            "sold_on": "2026-09-15",
            "buyer": "天津某超市",
            "evidence": [{"kind": "invoice", "number": f"21622000000{serial:09d}"}],
        }
        self._send("POST", "/sales", sale, who="tianjin")
        confirmed = self._send("POST", f"/sales/{sale['reference']}/confirm", {}, who="operator")
        with self._lock:
            self.told.sales.append(confirmed["reference"])

    def _note(self, order: dict[str, Any]) -> None:
        with self._lock:
            self.told.orders[order["number"]] = order["status"]

    def _send(self, method: str, path: str, body: dict[str, Any], *, who: str = "") -> dict[str, Any]:
        """Send a request until it is answered, always with the same key."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"kill-{uuid7()}"}
        if who:
            headers["Authorization"] = f"Bearer {self._tokens[who]}"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            status, answer = self._ask(method, f"/api/v1{path}", json.dumps(body), headers)
            if status in {200, 201}:
                return answer
            is_final = status is not None and (status not in AGAIN or _is_refusal(status, answer))
            assert not is_final, f"{method} {path}: {status} {answer}"
            assert time.monotonic() < deadline, f"{method} {path} was never answered; the last was {status} {answer}"
            with self._lock:
                self.told.repeats += 1
            time.sleep(0.2)

    def _ask(self, method: str, path: str, body: str, headers: dict[str, str]) -> tuple[int | None, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body.encode(), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return None, {}
        finally:
            connection.close()


def _is_refusal(status: int, answer: dict[str, Any]) -> bool:
    return status == 409 and not str(answer.get("type", "")).endswith("/request-running")
