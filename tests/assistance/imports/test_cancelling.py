"""An import that is followed while it runs, and stopped in the middle: what was recorded by then is told and stays."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.assistance.imports.models import SaleImport, SaleImportPart
from shop.assistance.imports.work import due
from shop.assistance.imports.work import run as work
from shop.assistance.imports.work.run import run
from shop.assistance.models import Sale
from shop.db import transaction
from shop.identity.models import AuditEvent, Role
from tests import factories
from tests.assistance.imports.conftest import row, sheet
from tests.assistance.imports.test_doors import send
from tests.assistance.sales import People

ROWS = 10


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a few rows at a time."""
    monkeypatch.setattr(work, "ROWS_A_PIECE", 4)


class Desk:
    """An officer's browser and API client, with a sheet that waits to be read."""

    def __init__(self, client: FlaskClient, session: Session, *, whole: bool = False) -> None:
        """Sign in and send the sheet."""
        self.client, self.session = client, session
        self.people = People(session)
        officer = factories.user(session, role=Role.PARTNER_OFFICER)
        factories.sign_in(client, officer)
        data = sheet(*[row(产品=f"苹果{number}") for number in range(ROWS)])
        extra = {"all_or_nothing": "true"} if whole else {}
        self.id = send(client, self.people.officer, data, **extra).get_json()["id"]
        self.address = f"/sales/imports/{self.id}"

    def page(self, part: str = "") -> str:
        """Return the page, or the part of it that is asked for again and again."""
        return self.client.get(self.address + part).get_data(as_text=True)

    def told(self) -> dict[str, Any]:
        """Return what the API tells."""
        found = self.client.get(f"/api/v1{self.address}", headers=self.people.officer).get_json()
        return dict(found)

    def cancel(self) -> int:
        """Press the button."""
        token = factories.csrf_token(self.page())
        return self.client.post(f"{self.address}/cancel", data={"csrf_token": token}).status_code

    def work(self, then: Callable[[SaleImport], None] = lambda _: None) -> None:
        """Read the sheet as the worker does, and do something after each piece."""
        run(self.sheet().id, on_progress=then)

    def sheet(self) -> SaleImport:
        """Return the import as it is stored."""
        with transaction():
            query = sa.select(SaleImport).execution_options(populate_existing=True)
            return self.session.scalars(query).one()

    def sales(self) -> int:
        """Return how many sales there are."""
        with transaction():
            return self.session.scalar(sa.select(sa.func.count()).select_from(Sale)) or 0


class TestProgress:
    @pytest.mark.parametrize("whole", [False, True], ids=["in pieces", "whole"])
    def test_is_told_while_the_worker_runs(self, client: FlaskClient, session: Session, *, whole: bool) -> None:
        desk = Desk(client, session, whole=whole)
        seen: list[tuple[str, int, bool, bool]] = []

        def look(_: SaleImport) -> None:
            told, part = desk.told(), desk.page("/progress")
            seen.append(
                (told["status"], told["rows_done"], f"第 {told['rows_done']} 行" in part, "data-running" in part)
            )

        assert "data-running" in desk.page("/progress")
        desk.work(look)

        assert seen == [("running", 5, True, True), ("running", 9, True, True), ("running", 11, True, True)]
        assert (desk.told()["status"], desk.told()["accepted"]) == ("done", ROWS)
        assert "data-running" not in desk.page("/progress")
        assert client.get(f"{desk.address}/progress").headers["Cache-Control"] == "no-store"

    def test_of_confirming_is_told_too(self, client: FlaskClient, session: Session) -> None:
        desk = Desk(client, session)
        desk.work()
        other = client.application.test_client()
        factories.sign_in(other, factories.user(session, role=Role.FINANCE))
        token = factories.csrf_token(other.get(desk.address).get_data(as_text=True))

        assert other.post(f"{desk.address}/confirm", data={"csrf_token": token}).status_code == 302

        assert "data-running" in desk.page("/progress")
        assert "还有 10 笔" in desk.page("/progress")
        due.work_off()
        assert desk.told()["confirmed"] == ROWS
        assert "data-running" not in desk.page("/progress")


class TestCancel:
    def test_keeps_what_was_accepted_by_then_and_says_so(self, client: FlaskClient, session: Session) -> None:
        desk = Desk(client, session)

        desk.work(lambda now: desk.cancel() if now.seen == 9 else None)

        assert (desk.told()["status"], desk.told()["accepted"], desk.sales()) == ("cancelled", 8, 8)
        page = desk.page()
        assert "已在第 9 行后取消" in page
        assert "已受理的 8 行保留" in page
        assert "data-running" not in page
        with transaction():
            assert session.scalar(sa.select(sa.func.count()).select_from(SaleImportPart)) == 0
            assert session.scalars(
                sa.select(AuditEvent.detail["accepted"].as_integer()).where(
                    AuditEvent.action == "sale_import.cancelled"
                )
            ).all() == [8]
        assert due.work_off() == 0

    def test_leaves_nothing_of_a_sheet_that_counts_whole(self, client: FlaskClient, session: Session) -> None:
        desk = Desk(client, session, whole=True)

        desk.work(lambda now: desk.cancel() if now.seen == 9 else None)

        assert (desk.told()["status"], desk.told()["accepted"], desk.sales()) == ("cancelled", 0, 0)
        assert "没有导入任何一行" in desk.page()
        assert due.work_off() == 0

    def test_before_the_worker_came_leaves_nothing(self, client: FlaskClient, session: Session) -> None:
        desk = Desk(client, session)

        assert desk.cancel() == 302

        assert due.work_off() == 0
        assert desk.sales() == 0
        assert "没有导入任何一行" in desk.page()

    def test_the_same_sheet_later_records_the_rest(self, client: FlaskClient, session: Session) -> None:
        desk = Desk(client, session)
        desk.work(lambda now: desk.cancel() if now.seen == 5 else None)
        assert desk.sales() == 4

        data = sheet(*[row(产品=f"苹果{number}") for number in range(ROWS)])
        second = send(client, desk.people.officer, data).get_json()["id"]
        due.work_off()

        told = client.get(f"/api/v1/sales/imports/{second}", headers=desk.people.officer).get_json()
        assert (told["accepted"], told["duplicate"], desk.sales()) == (6, 4, ROWS)

    def test_of_what_has_ended_is_refused(self, client: FlaskClient, session: Session) -> None:
        desk = Desk(client, session)
        token = factories.csrf_token(desk.page())
        desk.work()

        refused = client.post(f"{desk.address}/cancel", data={"csrf_token": token})

        assert refused.status_code == 409
        assert desk.told()["accepted"] == ROWS

    def test_without_the_look_at_the_status_goes_on(
        self, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk = Desk(client, session)
        monkeypatch.setattr(work._Run, "_expected", lambda self, session: work._locked(session, self._id))  # noqa: SLF001 - what it takes away
        monkeypatch.setattr(work, "forget_file", lambda *_: None)

        desk.work(lambda now: desk.cancel() if now.seen == 5 else None)

        assert desk.sales() == ROWS
