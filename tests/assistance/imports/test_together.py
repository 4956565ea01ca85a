"""Two who read at once: each genuine row once, whoever comes first. Each race is made certain, and has its control.

The control takes away what prevents the race, and shows that the test would notice.
"""

import contextvars
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from shop.assistance.imports.models import ImportStatus, SaleImport, SaleImportRow
from shop.assistance.imports.work import run as work
from shop.assistance.imports.work import store
from shop.assistance.imports.work.run import run
from shop.assistance.models import Evidence, Sale
from shop.db import db, transaction
from shop.identity.actor import Actor
from tests.assistance.imports.conftest import row, sheet, take
from tests.assistance.sales import invoice

PATIENCE_SECONDS = 60
ROWS_A_PIECE = 5
UNIQUE = "uq_sale_reference"


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a few rows at a time."""
    monkeypatch.setattr(work, "ROWS_A_PIECE", ROWS_A_PIECE)


@pytest.fixture
def beside(app: Flask) -> Iterator[Callable[[Callable[[], None]], "Future[None]"]]:
    """Return a function that lets something run in a thread with an application context of its own."""

    def alone(it: Callable[[], None]) -> None:
        with app.app_context():
            it()

    with ThreadPoolExecutor(4) as pool:
        yield lambda it: pool.submit(contextvars.Context().run, alone, it)


Beside = Callable[[Callable[[], None]], "Future[None]"]


def rows(first: int, last: int) -> list[dict[str, str]]:
    """Return different rows, by their numbers."""
    return [row(产品=f"苹果{number}") for number in range(first, last)]


def again(session: Session, one: SaleImport) -> SaleImport:
    """Return an import as it stands now."""
    with transaction():
        return session.get_one(SaleImport, one.id, populate_existing=True)


def sold(session: Session) -> list[str]:
    """Return what was recorded, in order."""
    with transaction():
        return sorted(session.scalars(sa.select(Sale.product)))


def wait_for_lock(superuser: sa.Engine) -> None:
    """Wait until somebody of this database waits for somebody else."""
    asked = sa.text(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    with superuser.connect() as connection:
        while not connection.scalar(asked):
            connection.rollback()
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.02)


class TestTwoSheets:
    @pytest.mark.parametrize(("since", "until"), [(0, 12), (7, 19)], ids=["the same", "overlapping"])
    def test_at_once_record_each_row_once(
        self, session: Session, operator: Actor, beside: Beside, since: int, until: int
    ) -> None:
        one = take(sheet(*rows(0, 12), row(), row()), by=operator)
        two = take(sheet(*reversed(rows(since, until)), row(), row()), by=operator)

        for done in [beside(lambda it=it: run(it.id)) for it in (one, two)]:  # type: ignore[misc]  # a default binds it
            done.result(PATIENCE_SECONDS)

        one, two = again(session, one), again(session, two)
        every = {each["产品"] for each in rows(0, 12) + rows(since, until)}
        assert sold(session) == sorted([*every, "泾川苹果", "泾川苹果"])
        assert (one.status, two.status) == (ImportStatus.DONE, ImportStatus.DONE)
        assert one.accepted + two.accepted == len(every) + 2
        assert one.accepted + one.duplicate == 14
        assert two.accepted + two.duplicate == until - since + 2

    def test_of_which_one_waits_for_the_other_record_each_row_once(
        self, session: Session, superuser: sa.Engine, operator: Actor, beside: Beside
    ) -> None:
        first, second = self._meet(superuser, operator, beside)

        assert len(sold(session)) == 3
        assert again(session, first).accepted == 3
        assert again(session, second).duplicate == 3

    def test_would_double_without_the_unique_reference(
        self, session: Session, superuser: sa.Engine, operator: Actor, beside: Beside
    ) -> None:
        with superuser.begin() as connection:
            connection.execute(sa.text(f"ALTER TABLE sale DROP CONSTRAINT {UNIQUE}"))
        try:
            self._meet(superuser, operator, beside, waits=False)
            assert len(sold(session)) == 6
        finally:
            session.rollback()
            with superuser.begin() as connection:
                connection.execute(sa.text("TRUNCATE sale CASCADE"))
                connection.execute(sa.text(f"ALTER TABLE sale ADD CONSTRAINT {UNIQUE} UNIQUE (reference)"))

    def _meet(
        self, superuser: sa.Engine, operator: Actor, beside: Beside, *, waits: bool = True
    ) -> tuple[SaleImport, SaleImport]:
        """Let the second sheet run into the rows of the first one, which are stored and not committed."""
        data = sheet(*rows(0, 3))
        first, second = take(data, by=operator, whole=True), take(data, by=operator)
        met: list[Future[None]] = []

        def meet(_: SaleImport) -> None:
            met.append(beside(lambda: run(second.id)))
            if waits:
                wait_for_lock(superuser)
            else:
                met[0].result(PATIENCE_SECONDS)

        run(first.id, on_progress=meet)
        met[0].result(PATIENCE_SECONDS)
        return first, second

    def test_that_wait_for_each_other_both_come_to_their_end(
        self, session: Session, superuser: sa.Engine, operator: Actor, beside: Beside
    ) -> None:
        forth, back = rows(0, 5) + rows(5, 10), rows(5, 10) + rows(0, 5)
        first, second = (take(sheet(*each), by=operator, whole=True) for each in (forth, back))
        met: list[Future[None]] = []

        def meet(_: SaleImport) -> None:
            if not met:
                met.append(beside(lambda: run(second.id)))
                # The second has stored the rows that come next here, and now wants those that are stored here.
                wait_for_lock(superuser)

        run(first.id, on_progress=meet)
        met[0].result(PATIENCE_SECONDS)

        first, second = again(session, first), again(session, second)
        assert sorted((first.accepted, second.accepted)) == [0, 10]
        assert sorted((first.duplicate, second.duplicate)) == [0, 10]
        assert len(sold(session)) == 10

    def test_with_one_invoice_record_one_sale(
        self, session: Session, superuser: sa.Engine, operator: Actor, beside: Beside
    ) -> None:
        claim = {"凭证种类": "发票", "凭证编号": invoice()}
        first = take(sheet(row(编号="A", **claim)), by=operator, whole=True)
        second = take(sheet(row(编号="B", **claim)), by=operator)
        met: list[Future[None]] = []

        def meet(_: SaleImport) -> None:
            met.append(beside(lambda: run(second.id)))
            wait_for_lock(superuser)

        run(first.id, on_progress=meet)
        met[0].result(PATIENCE_SECONDS)

        assert (again(session, first).accepted, again(session, second).rejected) == (1, 1)
        with transaction():
            assert session.scalar(sa.select(sa.func.count()).select_from(Evidence)) == 1


class TestTwoWorkers:
    def test_on_one_sheet_record_each_row_once(self, session: Session, operator: Actor, beside: Beside) -> None:
        made = self._overtake(operator, beside)

        done = again(session, made)
        assert (done.status, done.accepted, done.duplicate, done.rejected) == (ImportStatus.DONE, 12, 0, 0)
        assert len(sold(session)) == 12
        with transaction():
            numbers = list(session.scalars(sa.select(SaleImportRow.row).order_by(SaleImportRow.row)))
        assert numbers == list(range(2, 14))

    def test_are_noticed_where_the_position_is_not_looked_at(
        self, session: Session, operator: Actor, beside: Beside, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(work._Run, "_expected", lambda self, session: work._locked(session, self._id))  # noqa: SLF001 - what it takes away

        with pytest.raises(store.TooManyRaces):
            self._overtake(operator, beside)

        # The table's own key is the second guard: nothing of it was stored.
        assert len(sold(session)) == 12

    def _overtake(self, operator: Actor, beside: Beside) -> SaleImport:
        """Let a second worker read the sheet to its end while the first is between two pieces."""
        made = take(sheet(*rows(0, 12)), by=operator)
        others: list[Future[None]] = []

        def overtake(_: SaleImport) -> None:
            if not others:
                others.append(beside(lambda: run(made.id)))
                others[0].result(PATIENCE_SECONDS)

        run(made.id, on_progress=overtake)
        return made

    def test_beside_one_that_counts_whole_leave_it_alone(
        self, session: Session, operator: Actor, beside: Beside
    ) -> None:
        made = take(sheet(*rows(0, 12)), by=operator, whole=True)
        others: list[Future[None]] = []

        def overtake(_: SaleImport) -> None:
            if not others:
                others.append(beside(lambda: run(made.id)))
                others[0].result(PATIENCE_SECONDS)

        run(made.id, on_progress=overtake)

        assert again(session, made).accepted == 12
        assert len(sold(session)) == 12


@pytest.fixture(autouse=True)
def no_idle_connection(app: Flask) -> Iterator[None]:
    """End the threads' connections, which would hold what the clearing of tables waits for."""
    yield
    with app.app_context():
        db.session.rollback()
