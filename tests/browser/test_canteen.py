"""A canteen's clerk orders on account, repeats the order, prints it and accepts less than was ordered, by keyboard."""

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from shop.identity.models import Role
from tests import factories
from tests.browser.checks import check
from tests.browser.keyboard import press, sign_in, write

pytestmark = pytest.mark.browser

PRINTED = "window.print = () => { document.documentElement.dataset.printed = 'yes'; };"


def _order_on_account(page: Page) -> str:
    """Go from the basket to the placed order, and return its number."""
    press(page, page.get_by_role("link", name="去结算"))
    page.wait_for_url("**/checkout")
    expect(page.get_by_label("挂账（先货后款）")).to_be_checked()
    write(page, "收货人*", "王建国")
    write(page, "联系电话*", "010-66001122")
    write(page, "详细地址*", "西城区某路 2 号")
    check(page)
    press(page, page.get_by_role("button", name="提交订单"))
    page.wait_for_url("**/orders/*")
    expect(page.locator("[data-status='awaiting_acceptance']")).to_be_visible()
    return page.url.rpartition("/")[2]


def _print(page: Page) -> None:
    """Press the button, and look at what the paper shows."""
    press(page, page.get_by_role("button", name="打印"))
    assert page.evaluate("document.documentElement.dataset.printed") == "yes"
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("main table")).to_contain_text("定西马铃薯")
    for hidden in (".gw-topbar", ".gw-footer", ".gw-tabbar", "main .btn"):
        expect(page.locator(hidden).first).to_be_hidden()
    page.emulate_media(media="screen")


def test_a_clerk_orders_repeats_prints_and_accepts(session: Session, page: Page) -> None:
    factories.stock(session, "GS001-1")
    email = factories.user(session, role=Role.CANTEEN).email
    session.commit()
    page.add_init_script(PRINTED)

    page.goto("/login")
    sign_in(page, email, factories.PASSWORD)
    page.goto("/products/GS001")
    write(page, "数量", "4")
    press(page, page.get_by_role("button", name="加入购物篮", exact=True))
    page.wait_for_url("**/basket")
    first = _order_on_account(page)
    check(page)
    _print(page)
    press(page, page.get_by_role("button", name="再来一单"))
    page.wait_for_url("**/basket")
    expect(page.get_by_label("定西马铃薯 的数量")).to_have_value("4")
    write(page, "定西马铃薯 的数量", "6")
    check(page)
    second = _order_on_account(page)
    assert second != first
    expect(page.locator("main table")).to_contain_text("6 箱")

    press(page, page.get_by_role("link", name="验收货物"))
    page.wait_for_url("**/acceptance")
    write(page, "验收数量（箱）", "4.5")
    press(page, page.get_by_role("button", name="确认验收"))
    expect(page.locator(".gw-field-error")).to_be_visible()
    check(page)
    write(page, "少收原因", "一箱半压坏")
    press(page, page.get_by_role("button", name="确认验收"))

    page.wait_for_url(f"**/orders/{second}")
    expect(page.locator("[data-status='accepted']")).to_be_visible()
    expect(page.locator("main table")).to_contain_text("一箱半压坏")
    expect(page.locator(".gw-summary-total")).to_contain_text("134.55")
    check(page)
    page.goto("/orders")
    expect(page.locator(".gw-order", has_text=second)).to_contain_text("待结清")
    check(page)
