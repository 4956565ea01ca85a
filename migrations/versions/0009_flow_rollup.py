"""What is sealed, summed up by month.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger_flow_month",
        sa.Column("debit_account", sa.Uuid(), nullable=False),
        sa.Column("credit_account", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("EXTRACT(day FROM month) = 1::numeric", name=op.f("ck_ledger_flow_month_month_begins")),
        sa.CheckConstraint("count > 0 AND amount_fen > 0", name=op.f("ck_ledger_flow_month_positive")),
        sa.PrimaryKeyConstraint("debit_account", "credit_account", "month", "kind", name=op.f("pk_ledger_flow_month")),
        postgresql_with={"fillfactor": 70},
    )
    # Nobody seals meanwhile: this is the lock under which sealers take turns.
    op.execute("SELECT pg_advisory_xact_lock(1818584167, 17)")
    op.execute("""
        INSERT INTO ledger_flow_month (debit_account, credit_account, month, kind, count, amount_fen)
        SELECT debit_account, credit_account, date_trunc('month', effective_on)::date, kind, count(*), sum(amount_fen)
        FROM ledger_transfer
        WHERE entry_id IN (SELECT fact_id FROM ledger_seal)
        GROUP BY 1, 2, 3, 4
    """)


def downgrade() -> None:
    op.drop_table("ledger_flow_month")
