"""Suggestions under the search field, by keyboard and by touch, and the pages that lead into the catalogue."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.checks import check

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/?q=lanzou+baihe",
    "/?q=花牛&category=drink",
    "/categories/herb",
    "/places/621126",
    "/places/620500",
    "/calendar",
)


def type_in(page: Page, text: str) -> None:
    page.goto("/")
    page.get_by_label("搜索商品").click()
    with page.expect_response(lambda answer: parse_qs(urlsplit(answer.url).query).get("q") == [text]):
        page.keyboard.type(text)
    expect(page.get_by_role("listbox")).to_be_visible()


class TestSuggestions:
    def test_are_chosen_by_keyboard(self, page: Page) -> None:
        type_in(page, "lanzou baih")
        field = page.get_by_label("搜索商品")

        expect(field).to_have_attribute("aria-expanded", "true")
        expect(page.get_by_role("option").first).to_contain_text("兰州百合")
        page.keyboard.press("ArrowDown")
        chosen = page.locator('[role=option][aria-selected="true"]')
        expect(chosen).to_contain_text("兰州百合")
        expect(field).to_have_attribute("aria-activedescendant", chosen.get_attribute("id") or "none")
        page.keyboard.press("Enter")

        expect(page).to_have_url(re.compile("/products/GS059$"))

    def test_close_with_escape_and_leave_the_search_as_it_is(self, page: Page) -> None:
        type_in(page, "pingguo")
        page.keyboard.press("Escape")
        expect(page.get_by_role("listbox")).to_be_hidden()
        page.keyboard.press("Enter")

        expect(page).to_have_url(re.compile(r"/\?q=pingguo$"))

    def test_are_chosen_by_a_tap(self, page: Page) -> None:
        type_in(page, "岷县")
        page.get_by_role("option").first.click()

        expect(page).to_have_url(re.compile("/places/621126$"))
        expect(page.get_by_role("heading", level=1)).to_have_text("岷县")

    def test_have_no_violation_of_accessibility(self, page: Page) -> None:
        type_in(page, "yang")
        page.keyboard.press("ArrowUp")

        check(page)


def test_the_search_works_without_scripts(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=address)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("搜索商品").fill("lzbh")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="兰州百合", exact=True)).to_be_visible()
    context.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_and_has_no_violation_of_accessibility(page: Page, path: str) -> None:
    page.goto(path)

    check(page)
