"""Check of the rights, and of the functions, that keep the facts append-only and closed months closed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, text

from ledger.functions import FUNCTIONS
from ledger.tables import FACTS, flow_month_table, flow_table, unsealed_table
from ledger.verify.findings import Books

_NEEDED = {
    **dict.fromkeys(FACTS, ("SELECT", "INSERT")),
    flow_table.name: ("SELECT", "INSERT", "UPDATE"),
    flow_month_table.name: ("SELECT", "INSERT", "UPDATE"),
    unsealed_table.name: ("SELECT", "INSERT", "DELETE"),
}
_LACKING = text("""
    SELECT current_user AS rolname, relname, privilege
    FROM unnest(CAST(:tables AS text[]), CAST(:privileges AS text[])) needed (relname, privilege)
    WHERE NOT has_table_privilege(CAST(relname AS regclass), privilege)
    ORDER BY relname, privilege
""")

# Every role that can log in and is not, like the migrations' role, entitled to the owner's rights; and always our own.
_TOO_MANY = text("""
    WITH asked AS (
        SELECT role.oid AS role_id, role.rolname, pg_class.oid, relname, needed
        FROM unnest(CAST(:tables AS text[]), CAST(:needed AS text[])) ours (name, needed)
        JOIN pg_class ON pg_class.oid = CAST(name AS regclass)
        JOIN pg_roles role
            ON role.rolname = current_user OR role.rolcanlogin AND NOT pg_has_role(role.oid, relowner, 'MEMBER')
    )
    SELECT rolname, relname, privilege
    FROM asked CROSS JOIN unnest(ARRAY['DELETE', 'TRUNCATE']) privilege
    WHERE strpos(needed, privilege) = 0 AND has_table_privilege(role_id, oid, privilege)
    UNION ALL
    SELECT rolname, relname, 'UPDATE of ' || attname
    FROM asked JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    WHERE strpos(needed, 'UPDATE') = 0 AND has_column_privilege(role_id, oid, attnum, 'UPDATE')
    ORDER BY rolname, relname, privilege
""")
_FUNCTIONS = text("""
    SELECT name, provolatile, coalesce(prosrc, '') AS source
    FROM unnest(CAST(:names AS text[])) name LEFT JOIN pg_proc ON oid = to_regprocedure(name)
""")


def readable(books: Books) -> bool:
    """Name the tables that we may not read: with one of them missing nothing else can be checked."""
    lacking = [row for row in _lacking(books, _NEEDED) if row.privilege == "SELECT"]
    if lacking:
        rights(books)
        books.checked["rights"] = len(_needed(books))
    return not lacking


def rights(books: Books) -> int:
    """No role that runs the application can change, delete or truncate a fact, and ours can do what it must."""
    tables = _needed(books)
    us = books.session.execute(text("SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")).one()
    if us.rolsuper:
        books.fail("rights", f"role {us.rolname}", "a superuser may change everything; use the application's role")
        return len(tables)
    needed = {table: " ".join(privileges) for table, privileges in tables.items()}
    for row in books.session.execute(_TOO_MANY, {"tables": list(needed), "needed": list(needed.values())}):
        books.fail("rights", f"role {row.rolname}", f"holds {row.privilege} on {row.relname}")
    for row in _lacking(books, tables):
        books.fail("rights", f"role {row.rolname}", f"lacks {row.privilege} on {row.relname}")
    ours = {function.signature: (function.volatility, _on_one_line(function.body)) for function in FUNCTIONS}
    for row in books.session.execute(_FUNCTIONS, {"names": list(ours)}):
        if (row.provolatile, _on_one_line(row.source)) != ours[row.name]:
            books.fail("rights", f"function {row.name}", "it is missing, or not the one that the ledger made")
    return len(tables)


def _on_one_line(source: str) -> str:
    return " ".join(source.split())


def _needed(books: Books) -> dict[str, tuple[str, ...]]:
    return _NEEDED | dict.fromkeys(sorted(books.append_only), ("SELECT", "INSERT"))


def _lacking(books: Books, needed: Mapping[str, tuple[str, ...]]) -> list[Row[Any]]:
    pairs = [(table, privilege) for table, privileges in needed.items() for privilege in privileges]
    tables, privileges = zip(*pairs, strict=True)
    return list(books.session.execute(_LACKING, {"tables": list(tables), "privileges": list(privileges)}))
