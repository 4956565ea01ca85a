"""The ledger's tables, on a MetaData of their own, and the rights that make them append-only.

Facts (account, entry, transfer) are inserted and never changed; `ledger_flow` is derived from the transfers. No table
names a schema, there is no trigger and no sequence.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
)

from ledger.chart import KINDS
from ledger.journal import MAX_AMOUNT_FEN

SHARDS = 16

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _kinds_of(book: str) -> str:
    return ", ".join(f"'{kind}'" for kind in KINDS[book])


# `kind` and `month` are computed by the database. Beside their use they carry the one right that a foreign key's
# check needs of the table's owner, UPDATE of some column, when the owner is the application's role: a computed
# column can only be set to what it is. The expressions are written as PostgreSQL prints them.
account_table = Table(
    "ledger_account",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("book", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("kind", Text, Computed("split_part(code, ':'::text, 1)", persisted=True), nullable=False),
    UniqueConstraint("book", "code"),
    CheckConstraint(
        f"book = 'aid' AND kind IN ({_kinds_of('aid')}) OR book = 'cash' AND kind IN ({_kinds_of('cash')})",
        name="kind_in_book",
    ),
    # The formula of chart.account_id, so that an id can stand for one account only.
    CheckConstraint(
        "id = encode(substr(sha256((book || ':' || code)::bytea), 1, 16), 'hex')::uuid",
        name="id_from_code",
    ),
)

entry_table = Table(
    "ledger_entry",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("book", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("payload_hash", LargeBinary, nullable=False),
    Column("effective_on", Date, nullable=False),
    Column(
        "month",
        Date,
        Computed("effective_on - (EXTRACT(day FROM effective_on)::integer - 1)", persisted=True),
        nullable=False,
    ),
    Column("posted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("posted_by", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("reverses", Uuid, ForeignKey("ledger_entry.id")),
    Column("memo", Text, nullable=False),
    CheckConstraint("book IN ('aid', 'cash')", name="book_known"),
    CheckConstraint("octet_length(payload_hash) = 32", name="payload_hash_sha256"),
    CheckConstraint("reverses <> id", name="reverses_another"),
)
Index(None, entry_table.c.reverses, postgresql_where=entry_table.c.reverses.is_not(None))

transfer_table = Table(
    "ledger_transfer",
    metadata,
    Column("id", Uuid, primary_key=True),
    # The statement that inserts a transfer takes its entry from the entries that it inserts, and an entry's transfers
    # are found by their ids, which count up from the entry's: so neither a foreign key nor an index here. The accounts'
    # keys are on the flow, in which the same statement counts every transfer. Here they would be checked for each, and
    # concurrent postings would queue for a lock on the same account's row.
    Column("entry_id", Uuid, nullable=False),
    Column("debit_account", Uuid, nullable=False),
    Column("credit_account", Uuid, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("effective_on", Date, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    CheckConstraint(f"amount_fen BETWEEN 1 AND {MAX_AMOUNT_FEN}", name="amount_in_range"),
    CheckConstraint("debit_account <> credit_account", name="accounts_differ"),
    Index(None, "debit_account", "effective_on", "id"),
    Index(None, "credit_account", "effective_on", "id"),
    Index(None, "source"),
)

flow_table = Table(
    "ledger_flow",
    metadata,
    Column("debit_account", Uuid, ForeignKey("ledger_account.id"), nullable=False),
    Column("credit_account", Uuid, ForeignKey("ledger_account.id"), nullable=False),
    Column("day", Date, nullable=False),
    Column("kind", Text, nullable=False),
    Column("shard", SmallInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("debit_account", "credit_account", "day", "kind", "shard"),
    CheckConstraint(f"shard BETWEEN 0 AND {SHARDS - 1}", name="shard_in_range"),
    CheckConstraint("count > 0 AND amount_fen > 0", name="positive"),
    Index(None, "credit_account", "day"),
    # Room on each page for the new version of a row, so that counting up touches no index.
    postgresql_with={"fillfactor": 50},
)

FACTS = (account_table.name, entry_table.name, transfer_table.name)
# What a foreign key's check needs when one role is both owner and application; see above.
COMPUTED = {account_table.name: "kind", entry_table.name: "month"}


def grants(role: str) -> list[str]:
    """List the SQL statements that give a database role its rights on the ledger's tables, and no others.

    SELECT and INSERT on the facts, UPDATE besides on the derived flow. Repeatable; to be run by the tables' owner after
    every migration. When the role is the owner itself (one role for everything), its own rights are cut down likewise.
    """
    name = '"' + role.replace('"', '""') + '"'
    literal = "'" + role.replace("'", "''") + "'"
    facts = ", ".join(FACTS)
    statements = [
        f"REVOKE ALL ON {facts}, {flow_table.name} FROM PUBLIC, {name}",
        f"GRANT SELECT, INSERT ON {facts} TO {name}",
        f"GRANT SELECT, INSERT, UPDATE ON {flow_table.name} TO {name}",
    ]
    for table, column in COMPUTED.items():
        owner = f"(SELECT relowner FROM pg_class WHERE oid = CAST('{table}' AS regclass))"  # noqa: S608 -- our own names
        statements.append(
            f"DO $grants$ BEGIN IF pg_get_userbyid({owner}) = {literal}"
            f" THEN GRANT UPDATE ({column}) ON {table} TO {name}; END IF; END $grants$"
        )
    return statements
