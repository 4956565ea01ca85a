"""The language in which somebody reads mails.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("user", sa.Column("language", sa.Text(), nullable=False, server_default="zh"))
    op.alter_column("user", "language", server_default=None)
    op.create_check_constraint(op.f("ck_user_language_known"), "user", "language IN ('zh', 'en')")


def downgrade() -> None:
    op.drop_column("user", "language")
