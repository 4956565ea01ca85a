"""Holding stock, alone and against others, and what an operator sets."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shop.catalogue import service
from shop.catalogue.models import Product, Sku
from shop.catalogue.service import ItemUpdate, StockMoved
from shop.catalogue.stock import holds
from shop.catalogue.stock.holds import NotForSale, OutOfStock
from shop.db import transaction
from shop.errors import InvalidInput, NotFound
from shop.identity.actor import Actor, actor_for
from shop.identity.models import AuditEvent, Role
from tests import factories
from tests.catalogue.unguarded import write_what_was_read

APPLE, LILY = "GS027-1", "GS059-1"


@pytest.fixture
def operator(session: Session) -> Actor:
    return actor_for(session, factories.user(session, role=Role.OPERATOR))


@pytest.fixture
def shelf(session: Session) -> Iterator[None]:
    """Give prices and listing back what a test changed."""
    before = session.execute(sa.select(Sku.code, Sku.price_fen, Sku.is_price_illustrative)).all()
    yield
    session.rollback()
    for code, price_fen, is_illustrative in before:
        changed = {"price_fen": price_fen, "is_price_illustrative": is_illustrative}
        session.execute(sa.update(Sku).where(Sku.code == code, Sku.price_fen != price_fen).values(changed))
    session.execute(sa.update(Product).where(Product.id == "GS027").values(is_listed=True))
    session.commit()


def stock_of(session: Session, code: str) -> int | None:
    session.rollback()
    return session.scalar(sa.select(Sku.stock).where(Sku.code == code))


class TestHoldStock:
    def test_takes_off_and_loads_what_an_order_needs(self, session: Session) -> None:
        factories.stock(session, APPLE, packs=5)

        skus = holds.hold_stock(session, {APPLE: 3})
        session.commit()

        product = skus[APPLE].product
        assert (product.name, product.county_code, product.producer.code) == ("花牛苹果", "620503", "S-620503")
        assert stock_of(session, APPLE) == 2

    def test_takes_all_items_or_none_and_names_each_that_is_short(self, session: Session) -> None:
        factories.stock(session, APPLE, packs=5)
        factories.stock(session, LILY, packs=1)

        with pytest.raises(OutOfStock) as refusal:
            holds.hold_stock(session, {APPLE: 5, LILY: 2, "GS001-1": 1})

        assert [(error.field, error.value) for error in refusal.value.errors] == [("GS001-1", "0"), (LILY, "1")]
        assert "只剩 1 盒" in str(refusal.value.detail) or "只剩 1 箱" in str(refusal.value.detail)
        assert (stock_of(session, APPLE), stock_of(session, LILY)) == (5, 1)

    @pytest.mark.parametrize("demand", [{"GS999-1": 1}, {APPLE: 0}, {APPLE: -1}])
    def test_refuses_what_makes_no_sense(self, session: Session, demand: Mapping[str, int]) -> None:
        with pytest.raises(InvalidInput) as refusal:
            holds.hold_stock(session, demand)

        assert [error.field for error in refusal.value.errors] == list(demand)

    def test_refuses_what_is_not_listed(self, session: Session) -> None:
        factories.stock(session, "GS171-1", packs=5)

        with pytest.raises(NotForSale):
            holds.hold_stock(session, {"GS171-1": 1})

    def test_reads_again_what_the_session_knew_before_it_had_the_lock(
        self, session: Session, superuser: sa.Engine
    ) -> None:
        known = factories.stock(session, APPLE, packs=5)
        assert known.stock == 5
        with superuser.begin() as other:
            other.execute(sa.text("UPDATE sku SET stock = 1 WHERE code = 'GS027-1'"))

        with pytest.raises(OutOfStock):
            holds.hold_stock(session, {APPLE: 2})


class TestReturnStock:
    def test_undoes_a_hold_also_of_what_was_taken_off_the_list(self, session: Session, shelf: None) -> None:  # noqa: ARG002  # restores
        factories.stock(session, APPLE, packs=5)
        holds.hold_stock(session, {APPLE: 3})
        session.execute(sa.update(Product).where(Product.id == "GS027").values(is_listed=False))

        holds.return_stock(session, {APPLE: 3})
        session.commit()

        assert stock_of(session, APPLE) == 5


def in_parallel(app: Flask, workers: int, work: Callable[[Session, int], None]) -> list[Exception | None]:
    """Run `work` in as many threads, each in a transaction of its own, all begun before any works."""
    barrier = Barrier(workers)

    def run(number: int) -> Exception | None:
        with app.app_context():
            try:
                with transaction() as session:
                    session.execute(sa.select(1))
                    barrier.wait(timeout=20)
                    work(session, number)
            except (OutOfStock, OperationalError) as error:
                return error
        return None

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(run, range(workers)))


class TestManyBuyersAtOnce:
    def test_sell_the_last_pack_once(self, app: Flask, session: Session) -> None:
        factories.stock(session, APPLE, packs=1)

        outcomes = in_parallel(app, 8, lambda own, _: holds.hold_stock(own, {APPLE: 1}) and None)

        assert outcomes.count(None) == 1
        assert all(isinstance(one, OutOfStock) for one in outcomes if one is not None)
        assert stock_of(session, APPLE) == 0

    def test_would_sell_it_twice_without_the_lock(
        self, app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        factories.stock(session, APPLE, packs=1)
        both_have_read = Barrier(2)
        write_what_was_read(monkeypatch, between=lambda: both_have_read.wait(timeout=20))

        outcomes = in_parallel(app, 2, lambda own, _: holds.hold_stock(own, {APPLE: 1}) and None)

        assert outcomes == [None, None]
        assert stock_of(session, APPLE) == 0

    def test_never_block_each_other_for_good(self, app: Flask, session: Session) -> None:
        codes = [APPLE, LILY, "GS001-1", "GS110-1"]
        for code in codes:
            factories.stock(session, code, packs=1000)

        def buy(own: Session, number: int) -> None:
            order = codes if number % 2 else codes[::-1]
            holds.hold_stock(own, dict.fromkeys(order, 1))

        for _ in range(5):
            assert in_parallel(app, 6, buy) == [None] * 6
        assert {stock_of(session, code) for code in codes} == {1000 - 30}

    def test_would_block_each_other_with_locks_in_the_buyers_order(self, app: Flask, session: Session) -> None:
        for code in (APPLE, LILY):
            factories.stock(session, code, packs=10)
        both_hold_one = Barrier(2)

        def buy(own: Session, number: int) -> None:
            first, second = (APPLE, LILY) if number else (LILY, APPLE)
            holds.hold_stock(own, {first: 1})
            both_hold_one.wait(timeout=20)
            holds.hold_stock(own, {second: 1})

        outcomes = in_parallel(app, 2, buy)

        assert sorted(type(one).__name__ for one in outcomes) == ["NoneType", "OperationalError"]
        assert "deadlock" in str(next(one for one in outcomes if one))


@pytest.mark.usefixtures("shelf")
class TestUpdateItem:
    def test_sets_stock_price_and_listing_and_leaves_a_trail(self, session: Session, operator: Actor) -> None:
        service.update_item(session, operator, APPLE, ItemUpdate(12, 0, 6600, is_listed=False))
        session.commit()

        sku = session.scalars(sa.select(Sku).where(Sku.code == APPLE)).one()
        product = session.get_one(Product, "GS027")
        assert (sku.stock, sku.price_fen, sku.is_price_illustrative, product.is_listed) == (12, 6600, False, False)
        trail = session.execute(
            sa.select(AuditEvent.action, AuditEvent.subject, AuditEvent.detail).order_by(AuditEvent.action)
        )
        assert [tuple(event) for event in trail] == [
            ("listing.set", "product:GS027", {"new": False}),
            ("price.set", "sku:GS027-1", {"old": 5900, "new": 6600}),
            ("stock.set", "sku:GS027-1", {"old": 0, "new": 12, "reason": "counted", "note": ""}),
        ]

    def test_does_nothing_when_nothing_changed(self, session: Session, operator: Actor) -> None:
        service.update_item(session, operator, APPLE, ItemUpdate(0, 0, 5900, is_listed=True))

        assert session.scalar(sa.select(sa.func.count()).select_from(AuditEvent)) == 0
        assert session.scalar(sa.select(Sku.is_price_illustrative).where(Sku.code == APPLE))

    def test_does_not_overwrite_what_orders_took_meanwhile(self, session: Session, operator: Actor) -> None:
        factories.stock(session, APPLE, packs=8)

        with pytest.raises(StockMoved):
            service.update_item(session, operator, APPLE, ItemUpdate(20, 10, 5900, is_listed=True))
        service.update_item(session, operator, APPLE, ItemUpdate(10, 10, 6600, is_listed=True))

        assert session.scalar(sa.select(Sku.stock).where(Sku.code == APPLE)) == 8

    @pytest.mark.parametrize(
        ("update", "field"),
        [
            (ItemUpdate(None, 0, 5900, is_listed=True), "stock"),
            (ItemUpdate(10_000_001, 0, 5900, is_listed=True), "stock"),
            (ItemUpdate(1, 0, None, is_listed=True), "price"),
            (ItemUpdate(1, 0, 0, is_listed=True), "price"),
            (ItemUpdate(1, 0, -100, is_listed=True), "price"),
        ],
    )
    def test_refuses_what_makes_no_sense(
        self, session: Session, operator: Actor, update: ItemUpdate, field: str
    ) -> None:
        with pytest.raises(InvalidInput) as refusal:
            service.update_item(session, operator, APPLE, update)

        assert [error.field for error in refusal.value.errors] == [field]

    def test_knows_no_other_item(self, session: Session, operator: Actor) -> None:
        with pytest.raises(NotFound):
            service.set_stock(session, operator, "GS999-1", 1)
        with pytest.raises(NotFound):
            service.set_listed(session, operator, "GS999", is_listed=True)
