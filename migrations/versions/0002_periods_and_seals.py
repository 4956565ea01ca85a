"""Periods, seals, and what was known when.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Set by changing the column's type: with one role for everything, its right to UPDATE the entries is gone.
    op.add_column("ledger_entry", sa.Column("occurred_on", sa.Date(), nullable=True))
    op.alter_column("ledger_entry", "occurred_on", type_=sa.Date(), postgresql_using="effective_on", nullable=False)
    op.create_check_constraint(op.f("ck_ledger_entry_counts_no_earlier"), "ledger_entry", "effective_on >= occurred_on")
    op.create_index(
        op.f("ix_ledger_entry_posted_at"),
        "ledger_entry",
        ["posted_at"],
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": True},
    )
    op.create_table(
        "ledger_period",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=True),
        sa.Column("transfers", sa.BigInteger(), nullable=True),
        sa.Column("turnover_fen", sa.Numeric(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("book IN ('aid', 'cash')", name=op.f("ck_ledger_period_book_known")),
        sa.CheckConstraint("EXTRACT(day FROM month) = 1::numeric", name=op.f("ck_ledger_period_month_begins")),
        sa.CheckConstraint(
            "state = CASE number % 2 WHEN 1 THEN 'closed' ELSE 'open' END AND number > 0",
            name=op.f("ck_ledger_period_state_turns"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(entries, transfers, turnover_fen, digest) = CASE state WHEN 'closed' THEN 4 ELSE 0 END",
            name=op.f("ck_ledger_period_figures_when_closed"),
        ),
        sa.PrimaryKeyConstraint("book", "month", "number", name=op.f("pk_ledger_period")),
        sa.UniqueConstraint("id", name=op.f("uq_ledger_period_id")),
    )
    op.create_table(
        "ledger_seal",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fact_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("octet_length(hash) = 32", name=op.f("ck_ledger_seal_hash_sha256")),
        sa.CheckConstraint("seq > 0", name=op.f("ck_ledger_seal_seq_positive")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger_seal")),
        sa.UniqueConstraint("fact_id", name=op.f("uq_ledger_seal_fact_id")),
    )
    op.create_table(
        "ledger_unsealed",
        sa.Column("first_fact", sa.Uuid(), nullable=False),
        sa.Column("last_fact", sa.Uuid(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("first_fact <= last_fact AND count > 0", name=op.f("ck_ledger_unsealed_range_ordered")),
        sa.PrimaryKeyConstraint("first_fact", name=op.f("pk_ledger_unsealed")),
    )
    op.execute("INSERT INTO ledger_unsealed SELECT id, id, 1 FROM ledger_entry")
    op.execute("""
        CREATE OR REPLACE FUNCTION ledger_month_lock(the_book text, the_month date) RETURNS bigint
        LANGUAGE sql STABLE AS $$
            SELECT hashtextextended(
                concat_ws(' ', 'ledger_period', current_schema(), the_book, the_month - date '2000-01-01'), 0
            )
        $$
    """)
    op.execute("""
        CREATE OR REPLACE FUNCTION ledger_month_is_open(the_book text, the_month date) RETURNS boolean
        LANGUAGE plpgsql VOLATILE AS $$
        DECLARE
            is_held boolean := pg_advisory_xact_lock_shared(ledger_month_lock(the_book, the_month)) IS NOT NULL;
        BEGIN
            RETURN is_held AND current_setting('transaction_isolation') = 'read committed' AND NOT EXISTS (
                SELECT FROM ledger_period WHERE book = the_book AND month = the_month HAVING max(number) % 2 = 1
            );
        END
        $$
    """)
    # The flow is derived, so it is made anew with the day on which each transfer became known.
    op.drop_table("ledger_flow")
    _make_flow(known_on=True)
    op.execute("""
        INSERT INTO ledger_flow (debit_account, credit_account, day, kind, known_on, shard, count, amount_fen)
        SELECT debit_account, credit_account, transfer.effective_on, kind,
            (posted_at AT TIME ZONE 'Asia/Shanghai')::date, 0, count(*), sum(amount_fen)
        FROM ledger_transfer transfer JOIN ledger_entry entry ON entry.id = transfer.entry_id
        GROUP BY 1, 2, 3, 4, 5
    """)


def downgrade() -> None:
    op.drop_table("ledger_flow")
    _make_flow(known_on=False)
    op.execute("""
        INSERT INTO ledger_flow (debit_account, credit_account, day, kind, shard, count, amount_fen)
        SELECT debit_account, credit_account, effective_on, kind, 0, count(*), sum(amount_fen)
        FROM ledger_transfer
        GROUP BY 1, 2, 3, 4
    """)
    op.execute("DROP FUNCTION ledger_month_is_open(text, date)")
    op.execute("DROP FUNCTION ledger_month_lock(text, date)")
    op.drop_table("ledger_unsealed")
    op.drop_table("ledger_seal")
    op.drop_table("ledger_period")
    op.drop_index(op.f("ix_ledger_entry_posted_at"), table_name="ledger_entry")
    op.drop_constraint(op.f("ck_ledger_entry_counts_no_earlier"), "ledger_entry")
    op.drop_column("ledger_entry", "occurred_on")


def _make_flow(*, known_on: bool) -> None:
    key = ["debit_account", "credit_account", "day", "kind", *(["known_on"] if known_on else []), "shard"]
    op.create_table(
        "ledger_flow",
        sa.Column("debit_account", sa.Uuid(), nullable=False),
        sa.Column("credit_account", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        *([sa.Column("known_on", sa.Date(), nullable=False)] if known_on else []),
        sa.Column("shard", sa.SmallInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("count > 0 AND amount_fen > 0", name=op.f("ck_ledger_flow_positive")),
        sa.CheckConstraint("shard BETWEEN 0 AND 15", name=op.f("ck_ledger_flow_shard_in_range")),
        sa.ForeignKeyConstraint(
            ["credit_account"], ["ledger_account.id"], name=op.f("fk_ledger_flow_credit_account_ledger_account")
        ),
        sa.ForeignKeyConstraint(
            ["debit_account"], ["ledger_account.id"], name=op.f("fk_ledger_flow_debit_account_ledger_account")
        ),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_ledger_flow")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_index(op.f("ix_ledger_flow_credit_account_day"), "ledger_flow", ["credit_account", "day"], unique=False)
