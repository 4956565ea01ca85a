"""Using a page by keyboard alone, as somebody does who cannot use a mouse."""

from playwright.sync_api import Locator, Page

MOST_STEPS = 120
_IS_FOCUSED = "element => element === document.activeElement"


def reach(page: Page, target: Locator) -> None:
    """Press Tab until `target` has the focus; its focus must show.

    Raises:
        AssertionError: it cannot be reached, or nobody sees that it has been.
    """
    for _ in range(MOST_STEPS):
        if target.evaluate(_IS_FOCUSED):
            break
        page.keyboard.press("Tab")
    assert target.evaluate(_IS_FOCUSED), f"{target} is out of reach"
    ring = target.evaluate("element => getComputedStyle(element).outlineStyle + getComputedStyle(element).boxShadow")
    assert ring != "nonenone", f"{target} does not show that it has the focus"


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    """Go to a link, a button or a box and press it."""
    reach(page, target)
    page.keyboard.press(key)


def write(page: Page, label: str, text: str) -> None:
    """Go to the field with this label and write over what it holds."""
    field = page.locator("main").get_by_label(label, exact=True)
    reach(page, field)
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(text)


def sign_in(page: Page, email: str, password: str) -> None:
    """Fill in the login page that is open, and send it."""
    write(page, "邮箱", email)
    write(page, "密码", password)
    with page.expect_navigation(url=lambda url: "/login" not in url):
        page.keyboard.press("Enter")
