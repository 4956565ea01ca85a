"""What every page owes its readers."""

from playwright.sync_api import Page

from tests.rules.test_templates import ROOT

_AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def check(page: Page) -> None:
    """Hold the page that is shown to what every page owes: it fits, no id is given twice, axe-core finds nothing."""
    page.wait_for_load_state()  # a click has only begun to fetch the next page
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), page.url
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids)), (page.url, sorted({one for one in ids if ids.count(one) > 1}))
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run()")["violations"]
    assert not found, (page.url, [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found])
