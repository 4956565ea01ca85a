"""A newcomer's way through the shop, in a real browser."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.orm import Session

from shop.identity.models import Role
from tests import factories

pytestmark = pytest.mark.browser


def _sign_in(page: Page, email: str) -> None:
    page.goto("/login")
    page.locator('input[name="email"]').fill(email)
    page.locator('input[name="password"]').fill(factories.PASSWORD)
    page.locator('main form button[type="submit"]').first.click()
    page.wait_for_url(lambda url: "/login" not in url)


def _is_wider_than_screen(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


class TestCanteen:
    def test_buys_and_accepts_with_a_shortfall(self, session: Session, page: Page) -> None:
        factories.stock(session, "GS001-1")
        buyer = factories.user(session, role=Role.CANTEEN)
        email = buyer.email
        session.commit()

        page.goto("/?q=马铃薯")
        assert not _is_wider_than_screen(page)
        page.get_by_role("link", name="定西马铃薯").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("定西马铃薯")
        page.locator("main form[action='/basket/lines'] button[type='submit']").first.click()
        _sign_in(page, email)
        page.goto("/basket")
        expect(page.locator(".gw-basket-line")).to_have_count(1)
        page.get_by_role("link", name="去结算").click()
        page.get_by_label("收货人").fill("王建国")
        page.get_by_label("联系电话").fill("010-66001122")
        page.get_by_label("详细地址").fill("西城区某路 2 号")
        assert not _is_wider_than_screen(page)
        page.get_by_role("button", name="提交订单").click()
        expect(page.locator("[data-status='awaiting_acceptance']")).to_be_visible()
        page.get_by_role("link", name="验收货物").click()
        page.get_by_label("验收数量").fill("0.5")
        page.get_by_role("button", name="确认验收").click()
        expect(page.locator(".gw-field-error")).to_be_visible()
        page.get_by_label("少收原因").fill("半箱压坏")
        page.get_by_role("button", name="确认验收").click()
        expect(page.locator("[data-status='accepted']")).to_be_visible()
        expect(page.locator("main")).to_contain_text("半箱压坏")
        assert not _is_wider_than_screen(page)


class TestBasket:
    def test_takes_a_changed_quantity_along_to_the_checkout(self, session: Session, page: Page) -> None:
        factories.stock(session, "GS001-1")
        email = factories.user(session).email
        session.commit()
        _sign_in(page, email)
        page.goto("/?q=定西马铃薯")
        page.get_by_role("button", name="把定西马铃薯加入购物篮").click()
        expect(page).to_have_url(re.compile(r"/\?q=.*#item-GS001-1$"))
        page.goto("/basket")

        page.get_by_label("定西马铃薯 的数量").fill("7")
        page.get_by_role("link", name="去结算").click()

        expect(page.locator(".gw-summary-lines")).to_contain_text("× 7")

    def test_sends_a_form_once_for_two_clicks(self, page: Page) -> None:
        page.goto("/products/GS001")
        submit = "form.dispatchEvent(new SubmitEvent('submit', { bubbles: true, cancelable: true }))"

        sent = page.locator("main form[action='/basket/lines']").first.evaluate(f"form => [{submit}, {submit}]")

        assert sent == [True, False]


class TestNarrowScreen:
    def test_shows_every_page_of_a_purchase_without_scrolling_sideways(self, session: Session, page: Page) -> None:
        factories.stock(session, "GS001-1")
        email = factories.user(session).email
        session.commit()
        page.set_viewport_size({"width": 320, "height": 640})
        _sign_in(page, email)
        for address in ("/", "/products/GS001"):
            page.goto(address)
            assert not _is_wider_than_screen(page), address
        page.get_by_role("button", name="加入购物篮", exact=True).click()
        for address in ("/basket", "/checkout"):
            page.goto(address)
            assert not _is_wider_than_screen(page), address
        page.get_by_label("收货人").fill("李梅")
        page.get_by_label("联系电话").fill("13800000000")
        page.get_by_label("详细地址").fill("河西区友谊路 1 号")
        page.get_by_role("button", name="提交订单").click()
        expect(page.locator(".gw-due")).to_be_visible()
        assert not _is_wider_than_screen(page)


class TestWithoutJavaScript:
    def test_can_be_filtered_and_bought_from(self, session: Session, browser: Browser, address: str) -> None:
        factories.stock(session, "GS001-1")
        context = browser.new_context(java_script_enabled=False, base_url=address)
        page = context.new_page()

        page.goto("/?q=dxmls")
        page.get_by_role("link", name="定西马铃薯").first.click()
        page.locator("main form[action='/basket/lines'] button[type='submit']").first.click()
        page.goto("/basket")

        expect(page.locator(".gw-basket-line")).to_have_count(1)
        context.close()
