"""An auditor in a real browser: from a published total to the document behind it and who did what, changing nothing."""

import re

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from shop.db import business_day
from shop.identity.models import Role
from tests.browser.checks import check
from tests.browser.test_finance import enter
from tests.finance.documents import Office
from tests.identity.test_second_factor import with_totp

pytestmark = pytest.mark.browser


@pytest.fixture
def accepted(app: Flask, session: Session) -> str:
    """Return the number of an order that a canteen accepted today."""
    office = Office(app.test_client(), session)
    order = office.order(office.canteen, ("GS001-1", 2), method="on_account")
    office.accept(office.canteen, order, "1.5")
    number: str = order["number"]
    return number


class TestAuditor:
    def test_follows_a_total_to_the_order_and_who_accepted_it(
        self, app: Flask, session: Session, page: Page, accepted: str
    ) -> None:
        auditor = with_totp(app, session, role=Role.AUDITOR, name="孙审计")
        session.commit()
        enter(page, auditor, app)
        page.goto(f"/finance/totals?cut=partner&from={business_day()}&to={business_day()}")
        check(page)
        page.locator("tr[data-line='row'] td[data-label='金额'] a").first.click()
        check(page)
        page.get_by_role("link", name=re.compile(accepted)).first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(accepted)
        check(page)

        page.goto(f"/audit?object=order:{accepted}")
        expect(page.locator("tbody tr")).to_have_count(2)
        expect(page.locator("tbody")).to_contain_text("验收订单")
        check(page)
        page.locator("tbody details summary").first.click()
        check(page)
        with page.expect_download() as trail:
            page.get_by_role("link", name="导出 CSV").click()
        assert accepted in trail.value.path().read_text(encoding="utf-8-sig")

    def test_reads_the_books_and_finds_nothing_to_press(
        self, app: Flask, session: Session, page: Page, accepted: str
    ) -> None:
        auditor = with_totp(app, session, role=Role.AUDITOR)
        session.commit()
        enter(page, auditor, app)
        for path in ("/finance", "/finance/accounts", "/finance/months", "/finance/receipts", "/finance/unallocated"):
            page.goto(path)
            check(page)
            forms = page.locator("main form[method='post']")
            assert forms.count() == 0, path
        page.goto("/finance/verify")
        page.locator("main form[method='post'] button").click()
        expect(page.locator("main")).to_contain_text(re.compile("一致|没有发现"), timeout=60_000)
        check(page)
        page.goto(f"/orders/{accepted}")
        expect(page.locator("main form[method='post']")).to_have_count(0)
