"""Every action that the trail may hold has a name that people read."""

import ast
import re
from collections.abc import Iterator

from shop.finance.trail.words import ACTIONS
from shop.localpg.places import PROJECT

CODE = re.compile(r"[a-z_]+\.[a-z_]+")
RECORDERS = {"record", "record_many", "_record"}
"""What writes to the trail; the last names its action by its place."""


def told(source: str) -> Iterator[str]:
    """Yield each action that a program tells the trail, also by a constant of its own."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in RECORDERS:
                named = [word.value for word in node.keywords if word.arg == "action"]
                for part in named or node.args:
                    yield from _codes(part)
            case ast.Assign(targets=[ast.Name(id="ACTION")], value=value):
                yield from _codes(value)


def _codes(part: ast.AST) -> Iterator[str]:
    for node in ast.walk(part):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
            yield node.value


def test_every_action_has_a_name() -> None:
    found = {action for path in (PROJECT / "shop").rglob("*.py") for action in told(path.read_text(encoding="utf-8"))}

    assert {"receipt.undo", "ledger.verified", "user.deactivated", "sale.confirmed"} <= found
    assert found - set(ACTIONS) == set()


def test_an_action_is_seen_however_it_is_told() -> None:
    source = """ACTION = "a.one"
audit.record(s, None, action="a.two" if x else "a.three")
_record(s, actor, "a.four", row)
"""

    assert set(told(source)) == {"a.one", "a.two", "a.three", "a.four"}
