"""What a change was before and after, and in which request it was made.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit_event", sa.Column("before", sa.JSON(), nullable=True))
    op.add_column("audit_event", sa.Column("after", sa.JSON(), nullable=True))
    op.add_column("audit_event", sa.Column("request_id", sa.Text(), nullable=True))
    op.create_index(op.f("ix_audit_event_action"), "audit_event", ["action"])
    op.create_index(op.f("ix_audit_event_request_id"), "audit_event", ["request_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_audit_event_request_id"), table_name="audit_event")
    op.drop_index(op.f("ix_audit_event_action"), table_name="audit_event")
    op.drop_column("audit_event", "request_id")
    op.drop_column("audit_event", "after")
    op.drop_column("audit_event", "before")
