"""What the product search needs.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search_word",
        sa.Column("word", sa.Text(collation="C"), nullable=False),
        sa.Column("keys", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("products", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_search_word")),
    )
    op.create_index("ix_search_word_keys", "search_word", ["keys"], unique=False, postgresql_using="gin")
    op.create_index("ix_product_season_months", "product", ["season_months"], unique=False, postgresql_using="gin")


def downgrade() -> None:
    op.drop_index("ix_product_season_months", table_name="product", postgresql_using="gin")
    op.drop_index("ix_search_word_keys", table_name="search_word", postgresql_using="gin")
    op.drop_table("search_word")
