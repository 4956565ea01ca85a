"""The last unit of stock, with real parallel requests."""

from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from threading import Barrier

from flask import Flask
from sqlalchemy.orm import Session

from shop.catalogue.models import Sku
from shop.orders.models import Order
from tests import factories

BUYERS = 50
AT_ONCE = 8


class TestLastUnit:
    def test_goes_to_exactly_one_of_fifty_buyers(self, app: Flask, session: Session) -> None:
        factories.stock(session, "GS001-1", packs=1)
        buyers = [factories.bearer(session, factories.user(session)) for _ in range(BUYERS)]
        session.rollback()
        start = Barrier(AT_ONCE)

        def buy(number: int) -> int:
            if number < AT_ONCE:
                start.wait(timeout=30)
            answer = app.test_client().post("/api/v1/orders", json=factories.order_request(), headers=buyers[number])
            return answer.status_code

        with ThreadPoolExecutor(AT_ONCE) as pool:
            statuses = list(pool.map(buy, range(BUYERS)))

        assert statuses.count(HTTPStatus.CREATED) == 1
        assert statuses.count(HTTPStatus.CONFLICT) == BUYERS - 1
        assert session.query(Order).count() == 1
        item = session.get(Sku, "GS001-1")
        assert item is not None
        assert item.stock == 0
