"""Check of the rights that keep the facts append-only."""

from sqlalchemy import text

from ledger.tables import FACTS
from ledger.verify.findings import Books

# Every role that can log in and is not, like the migrations' role, entitled to the owner's rights; and always our own.
_RIGHTS = text("""
    WITH fact AS (
        SELECT oid, relname, relowner FROM pg_class WHERE oid = ANY (CAST(CAST(:tables AS text[]) AS regclass[]))
    ), asked AS (
        SELECT role.oid AS role_id, role.rolname, fact.oid, fact.relname
        FROM pg_roles role CROSS JOIN fact
        WHERE role.rolname = current_user OR role.rolcanlogin AND NOT pg_has_role(role.oid, fact.relowner, 'MEMBER')
    )
    SELECT rolname, relname, privilege
    FROM asked CROSS JOIN unnest(ARRAY['DELETE', 'TRUNCATE']) privilege
    WHERE has_table_privilege(role_id, oid, privilege)
    UNION ALL
    SELECT rolname, relname, 'UPDATE of ' || attname
    FROM asked JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    WHERE has_column_privilege(role_id, oid, attnum, 'UPDATE')
    ORDER BY rolname, relname, privilege
""")


def rights(books: Books) -> None:
    """No role that runs the application can change, delete or truncate a fact."""
    books.checked["rights"] = len(FACTS)
    us = books.session.execute(text("SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")).one()
    if us.rolsuper:
        books.fail("rights", f"role {us.rolname}", "a superuser may change everything; use the application's role")
        return
    for row in books.session.execute(_RIGHTS, {"tables": list(FACTS)}):
        books.fail("rights", f"role {row.rolname}", f"holds {row.privilege} on {row.relname}")
