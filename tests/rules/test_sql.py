"""No program of ours makes a trigger, a sequence or a function, or names a table with its schema."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shop.localpg.places import PROJECT
from tests.rules.test_database import QUEUE

# In SQL, as text: what the catalogue would show, and a table named with its schema. Lower case is prose or Python.
FORBIDDEN_SQL = {
    "a trigger": r"\bCREATE\s+(OR\s+REPLACE\s+)?(CONSTRAINT\s+|EVENT\s+)?TRIGGER\b",
    "a sequence": r"(?i:\bnextval\b|\bsetval\b|\bcurrval\b)|\bCREATE\s+(\w+\s+)?SEQUENCE\b",
    "a serial or identity column": r"\b(BIG|SMALL)?SERIAL\b|\bAS\s+IDENTITY\b",
    "a function": r"\bCREATE\s+(OR\s+REPLACE\s+)?(FUNCTION\s+(?!ledger_(month_|post\b))|PROCEDURE|RULE)\b",
    "another search path": r"(?i:\bSET\s+(LOCAL\s+|SESSION\s+)?search_path\b)",
    "a table with its schema": r"""(?x)
        (?<!DISTINCT\s)\b(FROM|JOIN|INTO|UPDATE|TABLE|REFERENCES|COPY|TRUNCATE|ONLY)\s+
        (?!pg_temp\.|pg_catalog\.|information_schema\.) "?[a-z_]\w*"? \. "?[a-z_]
    """,
}
FORBIDDEN_WORDS = {"schema", "include_schemas", "version_table_schema", "schema_translate_map"}
FORBIDDEN_CALLS = {"Sequence", "Identity"}
# `schema=` is what these answer with or are told about a request's body.
OTHER_SCHEMAS = {"jsonify"}


def offences(source: str) -> Iterator[str]:
    """Name each place in a program that makes or names what is forbidden."""
    for node in ast.walk(ast.parse(source)):
        for name in _offences(node):
            if QUEUE not in ast.unparse(node):
                yield f"line {getattr(node, 'lineno', '?')}: {name}"


def _offences(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield from (name for name, pattern in FORBIDDEN_SQL.items() if re.search(pattern, text))
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)):
            if called in FORBIDDEN_CALLS:
                yield f"{called}()"
            if called not in OTHER_SCHEMAS:
                yield from (f"{word.arg}=" for word in node.keywords if word.arg in FORBIDDEN_WORDS)
            if called == "ForeignKey" and node.args and ast.unparse(node.args[0]).count(".") > 1:
                yield "a foreign key to another schema"
        case ast.Assign(targets=[ast.Name(id="__table_args__")], value=value):
            yield from (
                "a schema" for part in ast.walk(value) if isinstance(part, ast.Dict) if "'schema'" in _keys(part)
            )


def _keys(part: ast.Dict) -> list[str]:
    return [ast.unparse(key) for key in part.keys if key is not None]


PROGRAMS = [path for top in ("shop", "ledger", "migrations") for path in sorted((PROJECT / top).rglob("*.py"))]


class TestTheCode:
    @pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: str(path.relative_to(PROJECT)))
    def test_names_no_schema_and_makes_nothing_that_is_forbidden(self, path: Path) -> None:
        assert list(offences(path.read_text(encoding="utf-8"))) == []

    @pytest.mark.parametrize(
        "line",
        [
            "op.execute('CREATE TRIGGER t BEFORE UPDATE ON sku EXECUTE FUNCTION f()')",
            "op.execute('CREATE CONSTRAINT TRIGGER t AFTER UPDATE ON sku EXECUTE FUNCTION f()')",
            "op.execute('CREATE OR REPLACE FUNCTION f() RETURNS int')",
            "op.execute('CREATE TEMPORARY SEQUENCE s')",
            "text(f'SELECT nextval({name})')",
            "op.execute('ALTER TABLE sku ADD number BIGSERIAL')",
            "op.execute('ALTER TABLE sku ADD number bigint GENERATED ALWAYS AS IDENTITY')",
            "op.execute('SET LOCAL search_path = tianjin')",
            "text('SELECT 1 FROM tianjin.ledger_entry')",
            "text('DELETE FROM ONLY tianjin.ledger_entry')",
            "text('SELECT 1 FROM sku JOIN public.\"order\" ON true')",
            "op.create_table('sku', schema='tianjin')",
            "MetaData(schema='tianjin')",
            "context.configure(include_schemas=True)",
            "Column(Integer, Sequence('number'))",
            "mapped_column(sa.Identity())",
            "ForeignKey('tianjin.sku.id')",
            "__table_args__ = (Index(None, 'a'), {'schema': 'tianjin'})",
        ],
    )
    def test_is_seen_to_do_so(self, line: str) -> None:
        assert list(offences(line))

    @pytest.mark.parametrize(
        "line",
        [
            "text('COPY pg_temp.ledger_stage FROM STDIN')",
            "text('SELECT 1 WHERE a.x IS DISTINCT FROM entry.memo')",
            f"op.create_table('job', schema='{QUEUE}')",
            "'The schema of a request, from shop.rest'",
        ],
    )
    def test_may_do_what_is_harmless(self, line: str) -> None:
        assert list(offences(line)) == []
