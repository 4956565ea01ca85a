"""What left the store.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CARRIERS = ("sf", "ems", "post", "jd", "zto", "yto", "sto", "yunda", "jt", "deppon", "own", "other")


def upgrade() -> None:
    op.create_table(
        "shipment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column(
            "carrier",
            sa.Enum(*CARRIERS, name="carrier", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("tracking_number", sa.Text(), nullable=False),
        sa.Column("shipped_on", sa.Date(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("carrier = 'own' OR tracking_number <> ''", name=op.f("ck_shipment_parcel_can_be_tracked")),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_reason IS NULL)", name=op.f("ck_shipment_withdrawn_with_reason")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["order.id"], name=op.f("fk_shipment_order_id_order")),
        sa.ForeignKeyConstraint(["recorded_by"], ["user.id"], name=op.f("fk_shipment_recorded_by_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipment")),
    )
    op.create_index("ix_shipment_order_id", "shipment", ["order_id"])
    op.create_index(op.f("ix_shipment_recorded_by"), "shipment", ["recorded_by"])
    op.create_index(
        "uq_shipment_parcel",
        "shipment",
        ["order_id", "carrier", "tracking_number"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL AND tracking_number <> ''"),
    )
    op.create_index(
        "ix_order_open",
        "order",
        ["placed_at", "id"],
        postgresql_where=sa.text("status IN ('paid', 'awaiting_acceptance')"),
    )


def downgrade() -> None:
    op.drop_index("ix_order_open", table_name="order")
    op.drop_table("shipment")
