"""Holds that expire, corrections of stock, receipts that wait for a place.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STOCK_REASONS = ("ordered", "cancelled", "expired", "counted", "received", "damaged", "other")
MOVE_KINDS = ("placed", "released", "refunded", "returned")


def _enum(values: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    op.add_column("sku", sa.Column("low_stock_at", sa.Integer(), server_default=sa.text("10"), nullable=False))
    op.create_check_constraint(op.f("ck_sku_low_stock_not_negative"), "sku", "low_stock_at >= 0")
    op.create_table(
        "stock_movement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sku_code", sa.Text(), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.Column("stock_after", sa.Integer(), nullable=False),
        sa.Column("reason", _enum(STOCK_REASONS, "stockreason"), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("order_number", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("change <> 0", name=op.f("ck_stock_movement_change_not_zero")),
        sa.CheckConstraint("stock_after >= 0", name=op.f("ck_stock_movement_stock_not_negative")),
        sa.CheckConstraint("reason <> 'other' OR note <> ''", name=op.f("ck_stock_movement_other_is_explained")),
        sa.ForeignKeyConstraint(["sku_code"], ["sku.code"], name=op.f("fk_stock_movement_sku_code_sku")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_stock_movement_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_movement")),
    )
    op.create_index(op.f("ix_stock_movement_sku_code_id"), "stock_movement", ["sku_code", "id"])
    op.create_index(op.f("ix_stock_movement_user_id"), "stock_movement", ["user_id"])

    op.add_column("order", sa.Column("pay_until", sa.DateTime(timezone=True), nullable=True))
    # Who ordered before there was a deadline has three days from now.
    op.execute("UPDATE \"order\" SET pay_until = now() + interval '72 hours' WHERE status = 'awaiting_payment'")
    op.create_index(
        "ix_order_pay_until", "order", ["pay_until"], postgresql_where=sa.text("status = 'awaiting_payment'")
    )

    op.add_column(
        "bank_receipt", sa.Column("refunded_fen", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.drop_constraint(op.f("ck_bank_receipt_allocated_within_amount"), "bank_receipt", type_="check")
    for name, condition in (
        ("allocated_not_negative", "allocated_fen >= 0"),
        ("refunded_not_negative", "refunded_fen >= 0"),
        ("allocated_within_amount", "allocated_fen + refunded_fen <= amount_fen"),
    ):
        op.create_check_constraint(op.f(f"ck_bank_receipt_{name}"), "bank_receipt", condition)
    op.create_index(
        "ix_bank_receipt_waiting",
        "bank_receipt",
        ["paid_on", "id"],
        postgresql_where=sa.text("allocated_fen + refunded_fen < amount_fen"),
    )
    op.create_table(
        "receipt_move",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("kind", _enum(MOVE_KINDS, "movekind"), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("moved_on", sa.Date(), nullable=False),
        sa.Column("is_direct", sa.Boolean(), nullable=False),
        sa.Column("undoes", sa.Uuid(), nullable=True),
        sa.Column("bank_reference", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_receipt_move_amount_positive")),
        sa.CheckConstraint(
            "(kind IN ('placed', 'released')) = (order_id IS NOT NULL)", name=op.f("ck_receipt_move_orders_are_named")
        ),
        sa.CheckConstraint("NOT is_direct OR kind = 'placed'", name=op.f("ck_receipt_move_direct_is_placed")),
        sa.CheckConstraint(
            "kind <> 'refunded' OR bank_reference <> ''", name=op.f("ck_receipt_move_refund_names_bank_line")
        ),
        sa.CheckConstraint(
            "kind <> 'returned' OR undoes IS NOT NULL", name=op.f("ck_receipt_move_return_undoes_refund")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["order.id"], name=op.f("fk_receipt_move_order_id_order")),
        sa.ForeignKeyConstraint(
            ["receipt_id"], ["bank_receipt.id"], name=op.f("fk_receipt_move_receipt_id_bank_receipt")
        ),
        sa.ForeignKeyConstraint(["recorded_by"], ["user.id"], name=op.f("fk_receipt_move_recorded_by_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt_move")),
        sa.UniqueConstraint("undoes", name=op.f("uq_receipt_move_undoes")),
    )
    for column in ("order_id", "receipt_id", "recorded_by"):
        op.create_index(op.f(f"ix_receipt_move_{column}"), "receipt_move", [column])
    op.execute("""
        INSERT INTO receipt_move
            (id, receipt_id, kind, order_id, amount_fen, moved_on, is_direct, bank_reference, note, recorded_by, recorded_at)
        SELECT id, id, 'placed', order_id, allocated_fen, paid_on, true, '', '', recorded_by, recorded_at
        FROM bank_receipt WHERE allocated_fen > 0
    """)


def downgrade() -> None:
    op.drop_table("receipt_move")
    op.drop_index("ix_bank_receipt_waiting", table_name="bank_receipt")
    for name in ("allocated_within_amount", "refunded_not_negative", "allocated_not_negative"):
        op.drop_constraint(op.f(f"ck_bank_receipt_{name}"), "bank_receipt", type_="check")
    op.create_check_constraint(
        op.f("ck_bank_receipt_allocated_within_amount"), "bank_receipt", "allocated_fen BETWEEN 0 AND amount_fen"
    )
    op.drop_column("bank_receipt", "refunded_fen")
    op.drop_index("ix_order_pay_until", table_name="order")
    op.drop_column("order", "pay_until")
    op.drop_table("stock_movement")
    op.drop_constraint(op.f("ck_sku_low_stock_not_negative"), "sku", type_="check")
    op.drop_column("sku", "low_stock_at")
