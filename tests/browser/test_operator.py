"""The operator's day in a real browser: what waits, an order that leaves, a shelf counted, a new organisation."""

import re

import pytest
import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from shop.catalogue.models import Sku
from shop.identity.models import Organisation, Role
from shop.orders.shipping.models import Shipment
from tests import factories
from tests.browser.checks import check
from tests.browser.test_finance import enter
from tests.identity.test_second_factor import with_totp

pytestmark = pytest.mark.browser


@pytest.fixture
def waiting(app: Flask, session: Session) -> str:
    """Return the number of an order on account that waits to be shipped."""
    factories.stock(session, "GS001-1")
    canteen = factories.bearer(session, factories.user(session, role=Role.CANTEEN))
    body = factories.order_request(("GS001-1", 3), payment_method="on_account")
    placed = app.test_client().post("/api/v1/orders", json=body, headers=canteen)
    number: str = placed.get_json()["number"]
    session.rollback()
    return number


@pytest.fixture
def operator(app: Flask, session: Session, page: Page) -> Page:
    """Give the browser of an operator who has signed in with an authenticator app."""
    who = with_totp(app, session, role=Role.OPERATOR, name="赵运营")
    session.commit()
    enter(page, who, app)
    page.goto("/operator")
    return page


class TestOperator:
    def test_ships_what_waits_and_takes_a_mistake_back(self, operator: Page, session: Session, waiting: str) -> None:
        page = operator
        check(page)
        page.locator("main").get_by_role("link", name=re.compile("^待发货")).click()
        check(page)
        page.get_by_role("link", name=f"登记发货 {waiting}").click()
        check(page)
        page.get_by_label("承运").select_option("sf")
        page.get_by_role("button", name="登记发货").click()
        expect(page.locator(".gw-field-error")).to_contain_text("请填写运单号")
        check(page)
        page.get_by_label("运单号").fill("sf 1234 5678")
        page.get_by_role("button", name="登记发货").click()
        expect(page.get_by_role("heading", name="都发出去了")).to_be_visible()
        check(page)
        page.get_by_role("link", name=re.compile("^在途")).click()
        check(page)
        page.get_by_role("link", name=waiting).click()
        expect(page.locator(".gw-parcels")).to_contain_text("SF12345678")
        page.get_by_text("登记有误，撤回").click()
        check(page)
        page.get_by_label("撤回原因").fill("装错箱")
        page.get_by_role("button", name="撤回发货记录").click()

        expect(page.locator("main")).to_contain_text("还没有发货")
        assert session.scalars(sa.select(Shipment)).one().withdrawn_reason == "装错箱"

    def test_corrects_a_shelf_with_a_reason(self, operator: Page, session: Session) -> None:
        factories.stock(session, "GS001-1", packs=3)
        page = operator
        page.goto("/catalogue/stock/GS001-1")
        check(page)
        page.get_by_label("更正后的库存").fill("40")
        page.get_by_role("button", name="保存更正").click()
        expect(page.locator(".gw-field-error").first).to_be_visible()
        page.get_by_label("原因").select_option("counted")
        page.get_by_role("button", name="保存更正").click()

        expect(page.locator("main")).to_contain_text("盘点")
        check(page)
        session.rollback()
        assert session.get_one(Sku, "GS001-1", populate_existing=True).stock == 40
        page.goto("/catalogue/low-stock")
        check(page)

    def test_founds_an_organisation(self, operator: Page, session: Session) -> None:
        page = operator
        page.goto("/organisations")
        check(page)
        page.get_by_role("link", name="新建机构").click()
        check(page)
        page.get_by_label("机构名称").fill("某某大学后勤处")
        page.get_by_label("代码").fill("some-university")
        page.get_by_role("button", name="建立机构").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("某某大学后勤处")
        check(page)
        session.rollback()
        assert session.scalars(sa.select(Organisation).where(Organisation.code == "some-university")).one()
