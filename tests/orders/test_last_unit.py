"""The last unit of stock and crossed baskets, over real HTTP; and without locks, which the tests must notice."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from shop.catalogue.models import Sku, StockMovement
from shop.catalogue.stock import queries
from shop.orders.models import Order, OrderLine
from tests import factories
from tests.catalogue.unguarded import write_what_was_read
from tests.ledger.parallel import at_once

BUYERS = 50
FIRST, SECOND = "GS001-1", "GS027-1"


@pytest.fixture
def port(app: Flask) -> Iterator[int]:
    """Serve the application on a free port, a thread a connection."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()


def buy(port: int, headers: dict[str, str], *lines: tuple[str, int]) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    body = json.dumps(factories.order_request(*lines))
    connection.request("POST", "/api/v1/orders", body, headers | {"Content-Type": "application/json"})
    answer = connection.getresponse()
    told: dict[str, Any] = json.loads(answer.read())
    connection.close()
    return answer.status, told


def buyers(session: Session, count: int) -> list[dict[str, str]]:
    made = [factories.bearer(session, factories.user(session)) for _ in range(count)]
    session.rollback()
    return made


def check_conserved(session: Session, packs: dict[str, int]) -> None:
    """Check that what was on each shelf is there still or on the lines of orders, and that its history tells so."""
    ordered = sa.select(OrderLine.sku_code, sa.func.sum(OrderLine.quantity)).group_by(OrderLine.sku_code)
    sold: dict[str, int] = dict(session.execute(ordered).all())
    left = {code: session.get_one(Sku, code, populate_existing=True).stock for code in packs}
    moved = sa.select(StockMovement.sku_code, sa.func.sum(StockMovement.change)).group_by(StockMovement.sku_code)
    told: dict[str, int] = dict(session.execute(moved).all())
    session.rollback()
    assert {code: left[code] + sold.get(code, 0) for code in packs} == packs
    assert {code: -told.get(code, 0) for code in packs} == {code: sold.get(code, 0) for code in packs}
    assert queries.broken_chain(session) == []


class TestLastUnit:
    def test_goes_to_exactly_one_of_fifty_buyers_at_once(self, port: int, session: Session) -> None:
        factories.stock(session, FIRST, packs=1)
        headers = buyers(session, BUYERS)

        answers = at_once(BUYERS, lambda number: buy(port, headers[number], (FIRST, 1)))

        assert Counter(status for status, _ in answers) == {HTTPStatus.CREATED: 1, HTTPStatus.CONFLICT: BUYERS - 1}
        refusals = [told for status, told in answers if status == HTTPStatus.CONFLICT]
        assert {told["type"].rpartition("/")[2] for told in refusals} == {"out-of-stock"}
        assert all("只剩 0" in told["detail"] for told in refusals)
        assert session.scalar(sa.select(sa.func.count()).select_from(Order)) == 1
        check_conserved(session, {FIRST: 1})

    def test_would_be_sold_twice_by_writing_what_was_read(
        self, port: int, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        factories.stock(session, FIRST, packs=1)
        headers = buyers(session, 2)
        both_have_read = threading.Barrier(2)
        write_what_was_read(monkeypatch, between=lambda: both_have_read.wait(timeout=30))

        answers = at_once(2, lambda number: buy(port, headers[number], (FIRST, 1)))

        assert [status for status, _ in answers] == [HTTPStatus.CREATED] * 2
        with pytest.raises(AssertionError):
            check_conserved(session, {FIRST: 1})


class TestCrossedBaskets:
    def test_neither_block_each_other_nor_lose_a_pack(self, port: int, session: Session) -> None:
        many, packs = 30, 40
        for code in (FIRST, SECOND):
            factories.stock(session, code, packs=packs)
        headers = buyers(session, many)

        def order(number: int) -> int:
            lines = ((FIRST, 1), (SECOND, 2)) if number % 2 else ((SECOND, 2), (FIRST, 1))
            return buy(port, headers[number], *lines)[0]

        statuses = Counter(at_once(many, order))

        assert statuses == {HTTPStatus.CREATED: packs // 2, HTTPStatus.CONFLICT: many - packs // 2}
        check_conserved(session, {FIRST: packs, SECOND: packs})
