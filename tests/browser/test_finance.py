"""Finance's day in a real browser: money that arrived, figures that must be signed, months that are closed."""

import csv
import io
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from python_calamine import CalamineWorkbook
from sqlalchemy.orm import Session

from shop.db import business_day
from shop.identity.models import Role, User
from tests import factories
from tests.browser.checks import check
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


_PIXEL = """async ({ finder, value }) => {
  const figure = document.querySelector("[data-chart]");
  const echarts = await import(figure.dataset.library);
  const drawn = echarts.getInstanceByDom(figure.querySelector("[data-plot]"));
  return drawn.convertToPixel(finder, value);
}"""


def click_chart(page: Page, finder: dict[str, int], value: list[Any], wanted: str) -> None:
    """Click where the chart shows a value, with the mouse, until the wanted view opens."""
    plot = page.locator("[data-plot]")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    x, y = page.evaluate(_PIXEL, {"finder": finder, "value": value})
    page.mouse.move(box["x"] + x, box["y"] + y)
    expect(plot.locator("> div").first).to_have_css("cursor", "pointer")
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.wait_for_url(re.compile(wanted))


@pytest.fixture
def finance(app: Flask, session: Session, page: Page) -> Page:
    """Give the browser of somebody of finance who has signed in with an authenticator app."""
    post_all(session)
    who = with_totp(app, session, role=Role.FINANCE, name="王会计")
    session.commit()
    enter(page, who, app)
    return page


class TestMoney:
    def test_is_recorded_placed_refunded_and_undone(self, finance: Page, session: Session) -> None:
        factories.stock(session)
        buyer = factories.user(session)
        session.commit()
        headers = {**factories.bearer(session, buyer), "Idempotency-Key": factories.key()}
        placed = finance.request.post("/api/v1/orders", data=factories.order_request(), headers=headers).json()
        rest = placed["total_fen"] / 100 + 12.5

        finance.goto("/finance")
        check(finance)
        finance.get_by_role("link", name=re.compile("待认领款项")).first.click()
        check(finance)
        finance.goto("/finance/receipts")
        finance.get_by_label("到账金额（元）").fill(f"{rest:.2f}")
        finance.get_by_label("付款户名").fill("李梅")
        finance.get_by_label("附言/用途").fill("货款")
        finance.get_by_role("button", name="登记", exact=True).click()
        expect(finance.get_by_role("status")).to_contain_text("已记入待认领款项")
        check(finance)
        finance.goto("/finance/unallocated")
        finance.get_by_role("link", name="处理 李梅 的款项").click()
        finance.get_by_text("按订单号划入，可只划一部分").click()
        finance.get_by_label("订单号").last.fill(placed["number"])
        finance.get_by_role("button", name="划入", exact=True).last.click()
        expect(finance.get_by_role("status")).to_contain_text("款项已划入订单")
        check(finance)
        finance.locator("summary", has_text="先在网银退款").click()
        finance.get_by_label("退款金额（元）").fill("12.50")
        finance.get_by_label("银行流水号").fill("回单 77")
        finance.get_by_role("button", name="登记退款").click()
        expect(finance.get_by_role("status")).to_contain_text("退款已登记")
        finance.locator("summary", has_text="撤销").last.click()
        finance.get_by_label("撤销原因").last.fill("银行退回")
        finance.get_by_role("button", name="确定撤销").last.click()
        expect(finance.get_by_role("status")).to_contain_text("已撤销")
        check(finance)


class TestFigures:
    def test_lead_from_a_month_of_the_chart_to_the_document(self, finance: Page) -> None:
        finance.goto(f"{ALL}&cut=month&side=eastern")
        drawn(finance)
        check(finance)

        click_chart(finance, {"gridIndex": 0}, ["2021-09", 1], r"from=2021-09-01&to=2021-09-30")
        drawn(finance)
        finance.locator("tr[data-line='row'] td[data-label='金额'] a").first.click()
        check(finance)

        expect(finance.get_by_role("link", name=re.compile("站外销售 B-"))).not_to_have_count(0)
        expect(finance.locator(".gw-stat-value")).to_be_visible()

    def test_lead_from_the_map_to_the_order_and_compare(self, finance: Page) -> None:
        finance.goto(f"{ALL}&cut=county&side=eastern")
        drawn(finance)
        check(finance)
        over_nothing = finance.locator("[data-plot]").bounding_box()
        assert over_nothing is not None
        finance.mouse.move(
            over_nothing["x"] + over_nothing["width"] / 2, over_nothing["y"] + over_nothing["height"] / 2
        )
        click_chart(finance, {"seriesIndex": 0}, [107.37, 35.33], "county=620821")
        check(finance)

        finance.goto("/finance/totals?cut=partner&from=2021-09-01&to=2021-09-30")
        finance.get_by_label("对比", exact=True).select_option("custom")
        finance.get_by_label("对比期从").fill("2021-03-01")
        finance.get_by_label("对比期到").fill("2021-03-31")
        finance.get_by_role("button", name="查看").click()
        drawn(finance)
        expect(finance.locator("tr[data-line='total']")).to_contain_text("+500.0%")
        check(finance)

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


class TestMonths:
    def test_are_closed_and_opened_again_with_the_keyboard_alone(self, finance: Page) -> None:
        finance.goto("/finance/months/aid/2021-03")
        check(finance)
        finance.locator("summary", has_text="结账").focus()
        finance.keyboard.press("Enter")
        finance.keyboard.press("Tab")
        finance.keyboard.type("核对无误")
        finance.keyboard.press("Tab")
        expect(finance.get_by_role("button", name="确认结账")).to_be_focused()
        finance.keyboard.press("Enter")
        expect(finance.locator("[data-status='closed']").first).to_be_visible()
        check(finance)

        late = business_day() - timedelta(days=1)
        assert late > date(2021, 3, 31)
        finance.locator("summary", has_text="重新打开").focus()
        finance.keyboard.press("Enter")
        finance.keyboard.press("Tab")
        finance.keyboard.type("漏记一笔")
        finance.keyboard.press("Tab")
        finance.keyboard.press("Enter")
        expect(finance.get_by_text("已重新打开").first).to_be_visible()
        finance.goto("/finance/months")
        check(finance)
