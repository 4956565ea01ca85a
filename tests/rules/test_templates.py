"""What every template promises, whoever writes the next one."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "shop"
TEMPLATES = sorted((SHOP / "templates").rglob("*.html"))
KEYWORDS = {"_": None, "_l": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)}


def relative(path: Path) -> str:
    """Return a template's name for the test report."""
    return str(path.relative_to(SHOP / "templates"))


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
class TestTemplate:
    def test_has_at_most_120_lines(self, path: Path) -> None:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 120

    def test_writes_nothing_that_the_content_security_policy_refuses(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")

        assert not re.search(r"<style|\sstyle=|\son(?!ly=)[a-z]+=", text)
        assert not re.search(r"<script(?![^>]*\ssrc=)", text)

    def test_loads_nothing_from_another_host(self, path: Path) -> None:
        assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", path.read_text(encoding="utf-8"))

    def test_names_only_icons_that_the_sprite_has(self, path: Path) -> None:
        listed = re.search(r"const icons = \[(.*?)\]", (ROOT / "script" / "vendor.mjs").read_text("utf-8"), re.DOTALL)
        assert listed is not None
        known = set(re.findall(r'"([a-z0-9-]+)"', listed[1]))

        assert set(re.findall(r'icon\("([a-z0-9-]+)"', path.read_text(encoding="utf-8"))) <= known


def test_every_text_has_its_english() -> None:
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    found = {
        message if isinstance(message, str) else message[0]
        for _, _, message, _, _ in extract_from_dir(SHOP, method_map=methods, keywords=KEYWORDS)
    }
    with (SHOP / "translations" / "en" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        english = {_first(entry.id): all(_forms(entry.string)) for entry in read_po(file, locale="en") if entry.id}

    assert sorted(text for text in found if not english.get(text)) == []


def test_every_english_text_keeps_the_placeholders() -> None:
    with (SHOP / "translations" / "en" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        entries = [entry for entry in read_po(file, locale="en") if entry.id]

    def placeholders(text: str) -> list[str]:
        return sorted(re.findall(r"%\(\w+\)[sd]", text))

    wrong = [
        entry.id
        for entry in entries
        for form in _forms(entry.string)
        if placeholders(form) != placeholders(_first(entry.id))
    ]
    assert wrong == []


def _forms(text: str | tuple[str, ...]) -> tuple[str, ...]:
    """Give a text, or its singular and plural."""
    return (text,) if isinstance(text, str) else tuple(text)


def _first(text: str | tuple[str, ...]) -> str:
    return _forms(text)[0]
