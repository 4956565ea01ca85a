"""An officer with a messy sheet: sent, followed, mended and sent again, in a real browser."""

import csv
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import Download, Page, expect
from python_calamine import CalamineWorkbook
from sqlalchemy.orm import Session

from shop.assistance.imports.models import SaleImport
from shop.assistance.imports.work import due
from shop.assistance.imports.work import run as work
from shop.db import db
from shop.identity.models import Role
from tests import factories
from tests.assistance.imports.conftest import row, sheet
from tests.browser.checks import check
from tests.browser.test_finance import enter

pytestmark = pytest.mark.browser


class Worker:
    """Does in a thread what waits, a few rows at a time, and goes no further than it is let."""

    def __init__(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand ready."""
        self._app = app
        self._may_end = threading.Event()
        self._thread = threading.Thread(target=self._work)
        monkeypatch.setattr(work, "ROWS_A_PIECE", 3)

    def _work(self) -> None:
        with self._app.app_context():
            waiting = db.session.scalars(sa.select(SaleImport.id)).one()
            db.session.rollback()
            work.run(waiting, on_progress=lambda _: self._may_end.wait(60) and None)

    def begin(self) -> None:
        """Read the first rows, and wait."""
        self._thread.start()

    def end(self) -> None:
        """Read the rest."""
        self._may_end.set()
        self._thread.join(60)


@pytest.fixture
def worker(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """Return a worker that ends with the test."""
    made = Worker(app, monkeypatch)
    yield made
    made.end()


def send(page: Page, name: str, data: bytes) -> None:
    """Choose a file and send it."""
    page.get_by_label("销售表").set_input_files({"name": name, "mimeType": "text/csv", "buffer": data})
    page.get_by_role("button", name="上传并检查").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def saved(download: Download, place: Path) -> Path:
    """Keep a downloaded file."""
    path = place / download.suggested_filename
    download.save_as(path)
    return path


def figure(page: Page, label: str) -> str:
    """Return a figure of the import's card."""
    return page.locator("[data-progress] .gw-stat", has_text=label).locator(".gw-stat-value").inner_text().strip()


MESSY = (
    row(), row(), row(编号="TJ-1", 产品="静宁苹果"), row(编号="TJ-1", 产品="静宁苹果"),
    row(产品="花牛苹果", 数量="很多"), row(产品="兰州百合", 产地县="某县", 销售日期="9/15/21"),
    row(产品="民勤蜜瓜", 凭证编号=""), row(产品="定西马铃薯", 采购方="=1+1"),
)  # fmt: skip


class TestOfficer:
    def test_mends_a_messy_sheet(
        self, app: Flask, session: Session, page: Page, worker: Worker, tmp_path: Path
    ) -> None:
        officer = factories.user(session, role=Role.PARTNER_OFFICER)
        session.commit()
        enter(page, officer)
        page.goto("/sales/imports")
        check(page)
        with page.expect_download() as template:
            page.get_by_role("link", name="下载 XLSX 模板").click()
        book = CalamineWorkbook.from_path(str(saved(template.value, tmp_path)))
        assert book.get_sheet_by_index(0).to_python()[0][:3] == ["编号", "帮扶方", "帮扶方式"]

        send(page, "九月.csv", sheet(*MESSY, encoding="gb18030"))
        expect(page.locator("[data-running]")).to_be_visible()
        check(page)
        worker.begin()
        expect(page.locator("[data-progress]")).to_contain_text("第 4 行")
        assert figure(page, "已受理") == "3"
        worker.end()
        expect(page.locator("[data-progress] [data-status='done']")).to_be_visible()
        assert [figure(page, label) for label in ("已受理", "重复", "未通过")] == ["4", "1", "3"]
        expect(page.locator("main")).to_contain_text("请填写数量，只写数字")
        check(page)
        page.get_by_role("navigation", name="按结果筛选").get_by_role("link", name="未通过").click()
        expect(page.locator("tbody tr")).to_have_count(3)
        check(page)

        with page.expect_download() as verdicts:
            page.get_by_role("link", name="需改正的行（CSV）").click()
        text = saved(verdicts.value, tmp_path).read_text(encoding="utf-8-sig")
        lines = list(csv.DictReader(io.StringIO(text)))
        right = {"数量": "12", "产地县": "泾川县", "销售日期": "2021-09-15", "凭证编号": "HT-2"}
        mended = [line | right for line in lines]
        page.goto("/sales/imports")
        send(page, "九月-改.csv", sheet(*mended, headings=list(lines[0])))
        with app.app_context():
            assert due.work_off() == 1

        expect(page.locator("[data-progress] [data-status='done']")).to_be_visible()
        assert [figure(page, label) for label in ("已受理", "重复", "未通过")] == ["3", "0", "0"]
        assert "3,703.68" in figure(page, "受理金额")
        page.goto("/sales/imports")
        expect(page.locator("tbody tr")).to_have_count(2)
        check(page)
        page.goto("/sales")
        expect(page.locator("main")).to_contain_text("8,641.92")
        check(page)
