"""Finance's day in a real browser: money that arrived, figures that must be signed, months that are closed."""

import csv
import io
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from python_calamine import CalamineWorkbook
from sqlalchemy.orm import Session

from shop.identity.models import Role, User
from tests import factories
from tests.finance.books import post_all
from tests.identity.test_second_factor import code_for, with_totp

pytestmark = pytest.mark.browser

ALL = "/finance/totals?period=all"


def enter(page: Page, who: User, app: Flask | None = None) -> None:
    """Sign in, with the authenticator's code where an app is given that knows it."""
    page.goto("/login")
    page.locator("#email").fill(who.email)
    page.locator("#password").fill(factories.PASSWORD)
    page.locator("main form button[type='submit']").first.click()
    if app is not None:
        page.wait_for_url(lambda url: "/tf-validate" in url)
        page.locator("#code").fill(code_for(app, who.tf_totp_secret))
        page.locator("main form button[type='submit']").first.click()
    page.wait_for_url(lambda url: urlsplit(url).path not in {"/login", "/tf-validate"})


def drawn(page: Page) -> None:
    """Wait until the chart stands."""
    expect(page.locator("[data-chart]")).to_have_attribute("data-drawn", "true")


def amounts(page: Page) -> list[str]:
    """Read the amounts of the table."""
    texts = page.locator("main td[data-label='金额'], main td[data-label='Amount']").all_inner_texts()
    return [re.sub(r"[^\d.−-]", "", text).replace("−", "-") for text in texts]


@pytest.fixture
def finance(app: Flask, session: Session, page: Page) -> Page:
    """Give the browser of somebody of finance who has signed in with an authenticator app."""
    post_all(session)
    who = with_totp(app, session, role=Role.FINANCE, name="王会计")
    session.commit()
    enter(page, who, app)
    return page


class TestFigures:
    def test_leave_as_files_and_links_that_say_the_same(
        self, app: Flask, finance: Page, session: Session, browser: Browser, address: str
    ) -> None:
        finance.goto(f"{ALL}&cut=category")
        shown = amounts(finance)
        with finance.expect_download() as csv_file:
            finance.get_by_role("link", name="下载 CSV").click()
        with finance.expect_download() as xlsx_file:
            finance.get_by_role("link", name="下载 Excel").click()
        records = list(csv.DictReader(io.StringIO(Path(csv_file.value.path()).read_text(encoding="utf-8-sig"))))
        sheet = CalamineWorkbook.from_path(str(xlsx_file.value.path())).get_sheet_by_index(0).to_python()
        heads = next(number for number, row in enumerate(sheet) if "金额（元）" in row)
        column = sheet[heads].index("金额（元）")
        cells = [f"{row[column]:.2f}" for row in sheet[heads + 1 :] if isinstance(row[column], (int, float))]
        link = finance.get_by_role("link", name="固定链接").get_attribute("href") or ""

        auditor = with_totp(app, session, role=Role.AUDITOR)
        session.commit()
        context = browser.new_context(base_url=address, java_script_enabled=False)
        other = context.new_page()
        enter(other, auditor, app)
        other.goto(link)

        assert [row["金额（元）"] for row in records] == shown
        assert cells == shown
        assert amounts(other) == shown
        expect(other.locator("[data-chart]")).to_be_hidden()
        expect(other.locator("tr[data-line='total']")).to_be_visible()
        context.close()

    def test_print_on_a4(self, finance: Page) -> None:
        finance.goto(f"{ALL}&cut=month")
        drawn(finance)
        finance.emulate_media(media="print")

        pdf = finance.pdf(format="A4")

        assert pdf.startswith(b"%PDF")
        expect(finance.locator("nav.gw-workbench")).to_be_hidden()
        expect(finance.locator("[data-plot] canvas")).to_be_visible()
        expect(finance.get_by_text("制表：")).to_be_visible()
