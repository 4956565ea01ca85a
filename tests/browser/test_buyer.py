"""A private buyer's way from the first look to the order and back into a lost account, by keyboard."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from tests import factories
from tests.browser.checks import check
from tests.browser.keyboard import press, reach, sign_in, write
from tests.identity.mails import link_in, mails_to

pytestmark = pytest.mark.browser

EMAIL = "li.mei@example.com"


def _find_the_product(page: Page) -> None:
    """Search by initials, narrow the list by what is on the shelf, open the product."""
    page.goto("/")
    reach(page, page.get_by_label("搜索商品"))
    page.keyboard.type("dingxi mls")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/\?q=dingxi"))
    facets = page.locator("details.gw-facets")
    if facets.get_attribute("open") is None:
        press(page, facets.locator("summary"))
    press(page, page.get_by_label(re.compile("只看有货")), "Space")
    expect(page).to_have_url(re.compile("available=1"))
    check(page)
    press(page, page.get_by_role("link", name="定西马铃薯", exact=True))
    expect(page.get_by_role("heading", level=1)).to_have_text("定西马铃薯")
    check(page)


def _register(page: Page, session: Session) -> None:
    """Register from the login page, and open the link in the mail."""
    press(page, page.get_by_role("link", name="注册新账户"))
    page.wait_for_url("**/register")
    write(page, "姓名", "李梅")
    write(page, "邮箱", EMAIL)
    write(page, "密码", factories.PASSWORD)
    write(page, "再次输入密码", factories.PASSWORD)
    check(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("还差一步")
    (mail,) = mails_to(session, EMAIL)
    page.goto(link_in(mail, "/confirm/"))
    expect(page.get_by_role("status")).to_contain_text("邮箱已确认")
    check(page)


def _fill_in_the_address(page: Page) -> None:
    write(page, "收货人*", "李梅")
    write(page, "联系电话*", "13800000000")
    write(page, "详细地址*", "河西区友谊路 1 号")


def test_a_stranger_buys_by_keyboard_alone(session: Session, page: Page) -> None:
    factories.stock(session, "GS001-1")

    _find_the_product(page)
    press(page, page.get_by_role("button", name="加入购物篮", exact=True))
    page.wait_for_url("**/basket")
    check(page)
    press(page, page.get_by_role("link", name="去结算"))
    page.wait_for_url("**/login**")
    expect(page.locator("main")).to_contain_text("购物篮里的商品已为您留着")
    check(page)
    _register(page, session)
    sign_in(page, EMAIL, factories.PASSWORD)
    page.goto("/checkout")
    expect(page.locator(".gw-summary-lines")).to_contain_text("定西马铃薯")
    check(page)
    press(page, page.get_by_role("button", name="提交订单"))
    expect(page.get_by_label("收货人")).to_have_attribute("aria-invalid", "true")
    check(page)
    _fill_in_the_address(page)
    press(page, page.get_by_label("保存到我的收货地址"), "Space")
    press(page, page.get_by_role("button", name="提交订单"))

    page.wait_for_url("**/orders/*")
    expect(page.get_by_role("heading", name="请转账付款")).to_be_visible()
    number = page.url.rpartition("/")[2]
    expect(page.locator(".gw-reference")).to_have_text(number)
    expect(page.locator(".gw-due-amount")).to_contain_text("41.90")
    check(page)
    page.goto("/orders")
    expect(page.locator(".gw-order", has_text=number)).to_contain_text("待付款")
    check(page)
    assert "请付款" in mails_to(session, EMAIL)[-1].subject


def test_a_buyer_takes_an_address_of_the_book_and_cancels(session: Session, page: Page) -> None:
    item = factories.stock(session, "GS001-1")
    buyer = factories.user(session)
    email = buyer.email
    session.commit()
    page.goto("/login")
    sign_in(page, email, factories.PASSWORD)
    page.goto("/account/addresses")
    _fill_in_the_address(page)
    press(page, page.get_by_role("button", name="保存"))
    expect(page.locator(".gw-rows")).to_contain_text("友谊路")
    check(page)
    page.goto("/products/GS001")
    press(page, page.get_by_role("button", name="加入购物篮", exact=True))
    page.wait_for_url("**/basket")
    page.goto("/checkout")
    press(page, page.get_by_role("link", name=re.compile("友谊路")))
    page.wait_for_url("**/checkout?address=*")
    expect(page.locator(".gw-picks [aria-current]")).to_contain_text("李梅")
    check(page)
    press(page, page.get_by_role("button", name="提交订单"))
    page.wait_for_url("**/orders/*")

    press(page, page.locator("summary", has_text="取消订单"))
    check(page)
    press(page, page.get_by_role("button", name="确定取消"))
    expect(page.locator("[data-status='cancelled']")).to_be_visible()
    check(page)
    session.refresh(item)
    assert item.stock == 100  # what the factory put on the shelf


def test_a_buyer_sees_the_devices_and_gets_back_in_without_the_password(session: Session, page: Page) -> None:
    email = factories.user(session).email
    session.commit()
    page.goto("/login")
    sign_in(page, email, factories.PASSWORD)
    page.goto("/account")
    expect(page.locator("section[aria-labelledby='sessions'] [data-status='here']")).to_have_count(1)
    check(page)
    press(page, page.locator("main").get_by_role("button", name="退出登录"))
    page.wait_for_url(lambda url: not url.endswith("/account"))
    page.goto("/login")
    press(page, page.get_by_role("link", name="忘记密码"))
    page.wait_for_url("**/reset")
    write(page, "注册时用的邮箱", email)
    check(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("重设密码的邮件已经发出")

    page.goto(link_in(mails_to(session, email)[-1], "/reset/"))
    write(page, "新密码", "a quite new password")
    write(page, "再次输入新密码", "a quite new password")
    check(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("密码已重设")
    sign_in(page, email, "a quite new password")
    page.goto("/account")

    expect(page.get_by_role("heading", level=1)).to_have_text("我的账户")
