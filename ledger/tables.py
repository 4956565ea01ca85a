"""The ledger's tables, on a MetaData of their own, and the rights that make them append-only.

Facts (account, entry, transfer, period, seal) are inserted and never changed. `ledger_flow` and `ledger_flow_month` are
derived from the transfers, `ledger_unsealed` is the sealer's queue. No table names a schema, there is no trigger and no
sequence.
"""

from collections.abc import Collection

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
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
    # Its own day. It counts later, on `effective_on`, when the month of that day was closed before it was known.
    Column("occurred_on", Date, nullable=False),
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
    CheckConstraint("effective_on >= occurred_on", name="counts_no_earlier"),
)
Index(None, entry_table.c.reverses, postgresql_where=entry_table.c.reverses.is_not(None))
# Rows are stored in about the order in which they are posted, so a summary of each block is enough, and costs nothing.
Index(
    None,
    entry_table.c.posted_at,
    postgresql_using="brin",
    postgresql_with={"pages_per_range": 32, "autosummarize": True},
)

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
    # The day in China on which the transfers became known: were posted.
    Column("known_on", Date, nullable=False),
    Column("shard", SmallInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("debit_account", "credit_account", "day", "kind", "known_on", "shard"),
    CheckConstraint(f"shard BETWEEN 0 AND {SHARDS - 1}", name="shard_in_range"),
    CheckConstraint("count > 0 AND amount_fen > 0", name="positive"),
    Index(None, "credit_account", "day"),
    # Room on each page for the new version of a row, so that counting up touches no index.
    postgresql_with={"fillfactor": 50},
)

# The same by month, of what is sealed: only the sealer adds to it, so it has no shards. Like the transfers of which it
# is made it has no keys to the accounts.
flow_month_table = Table(
    "ledger_flow_month",
    metadata,
    Column("debit_account", Uuid, nullable=False),
    Column("credit_account", Uuid, nullable=False),
    Column("month", Date, nullable=False),
    Column("kind", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("debit_account", "credit_account", "month", "kind"),
    CheckConstraint("EXTRACT(day FROM month) = 1::numeric", name="month_begins"),
    CheckConstraint("count > 0 AND amount_fen > 0", name="positive"),
    postgresql_with={"fillfactor": 70},
)

period_table = Table(
    "ledger_period",
    metadata,
    # A log for each month of a book: its last row says how it stands. A month without a row is open.
    Column("id", Uuid, nullable=False, unique=True),
    Column("book", Text, nullable=False),
    Column("month", Date, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("changed_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # What the month held when it was closed; empty when it was opened again.
    Column("entries", BigInteger),
    Column("transfers", BigInteger),
    Column("turnover_fen", Numeric),
    Column("digest", LargeBinary),
    PrimaryKeyConstraint("book", "month", "number"),
    CheckConstraint("book IN ('aid', 'cash')", name="book_known"),
    CheckConstraint("EXTRACT(day FROM month) = 1::numeric", name="month_begins"),
    CheckConstraint("state = CASE number % 2 WHEN 1 THEN 'closed' ELSE 'open' END AND number > 0", name="state_turns"),
    CheckConstraint(
        "num_nonnulls(entries, transfers, turnover_fen, digest) = CASE state WHEN 'closed' THEN 4 ELSE 0 END",
        name="figures_when_closed",
    ),
)

seal_table = Table(
    "ledger_seal",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    # An entry, or a row of the months' log. No foreign key: two tables are meant, and `verify` looks anyway.
    Column("fact_id", Uuid, nullable=False, unique=True),
    Column("hash", LargeBinary, nullable=False),
    Column("sealed_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("seq > 0", name="seq_positive"),
    CheckConstraint("octet_length(hash) = 32", name="hash_sha256"),
)

# Facts that wait for their seal, as ranges of ids: one for each statement that posted, however many it posted. A row
# becomes visible with its facts, so none is passed over, however late it commits.
unsealed_table = Table(
    "ledger_unsealed",
    metadata,
    Column("first_fact", Uuid, primary_key=True),
    Column("last_fact", Uuid, nullable=False),
    Column("count", BigInteger, nullable=False),
    CheckConstraint("first_fact <= last_fact AND count > 0", name="range_ordered"),
)

FACTS = (account_table.name, entry_table.name, transfer_table.name, period_table.name, seal_table.name)
_MORE_RIGHTS = {flow_table.name: ", UPDATE", flow_month_table.name: ", UPDATE", unsealed_table.name: ", DELETE"}
# What a foreign key's check needs when one role is both owner and application; see above.
COMPUTED = {account_table.name: "kind", entry_table.name: "month"}


def grants(role: str, *, tables: Collection[str] | None = None) -> list[str]:
    """List the SQL statements that give a database role its rights on the ledger's tables, and no others.

    SELECT and INSERT on the facts, UPDATE besides on the derived flows, DELETE on the sealer's queue. Repeatable; to be
    run by the tables' owner after every migration. When the role is the owner itself (one role for everything), its
    own rights are cut down likewise.

    Args:
        tables: those that exist, where an older revision may have fewer.
    """
    name = '"' + role.replace('"', '""') + '"'
    literal = "'" + role.replace("'", "''") + "'"
    statements = []
    for table in sorted(metadata.tables if tables is None else metadata.tables.keys() & tables):
        statements += [
            f"REVOKE ALL ON {table} FROM PUBLIC, {name}",
            f"GRANT SELECT, INSERT{_MORE_RIGHTS.get(table, '')} ON {table} TO {name}",
        ]
        if table in COMPUTED:
            owner = f"(SELECT relowner FROM pg_class WHERE oid = CAST('{table}' AS regclass))"  # noqa: S608 -- our own names
            statements.append(
                f"DO $grants$ BEGIN IF pg_get_userbyid({owner}) = {literal}"
                f" THEN GRANT UPDATE ({COMPUTED[table]}) ON {table} TO {name}; END IF; END $grants$"
            )
    return statements
