"""Sheets of off-platform sales and the verdicts on their rows.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

FORMATS = ("csv", "xlsx")
STATUSES = ("waiting", "running", "done", "cancelled", "failed")
OUTCOMES = ("accepted", "duplicate", "rejected", "withheld")


def upgrade() -> None:
    op.create_table(
        "sale_import",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("uploaded_by", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("partner_code", sa.Text(), nullable=True),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("format", _one_of("sheetformat", FORMATS), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("is_all_or_nothing", sa.Boolean(), nullable=False),
        sa.Column("status", _one_of("importstatus", STATUSES), nullable=False),
        sa.Column("problem", sa.JSON(), nullable=True),
        sa.Column("headings", sa.JSON(), nullable=True),
        sa.Column("header_row", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("duplicate", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("withheld", sa.Integer(), nullable=False),
        sa.Column("accepted_fen", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirming_by", sa.Uuid(), nullable=True),
        sa.Column("confirming_for", sa.Uuid(), nullable=True),
        sa.Column("confirmed", sa.Integer(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "accepted + duplicate + rejected + withheld <= position", name=op.f("ck_sale_import_counts_within_position")
        ),
        sa.CheckConstraint("confirmed <= accepted", name=op.f("ck_sale_import_confirmed_within_accepted")),
        sa.CheckConstraint("confirming_by <> uploaded_by", name=op.f("ck_sale_import_confirmed_by_another")),
        sa.ForeignKeyConstraint(["confirming_by"], ["user.id"], name=op.f("fk_sale_import_confirming_by_user")),
        sa.ForeignKeyConstraint(
            ["confirming_for"], ["organisation.id"], name=op.f("fk_sale_import_confirming_for_organisation")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_sale_import_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(["partner_code"], ["partner.code"], name=op.f("fk_sale_import_partner_code_partner")),
        sa.ForeignKeyConstraint(["uploaded_by"], ["user.id"], name=op.f("fk_sale_import_uploaded_by_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sale_import")),
    )
    for column in (
        "uploaded_by", "organisation_id", "partner_code", "status", "created_at", "confirming_by", "confirming_for",
    ):  # fmt: skip
        op.create_index(op.f(f"ix_sale_import_{column}"), "sale_import", [column])
    op.create_table(
        "sale_import_part",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["sale_import.id"], name=op.f("fk_sale_import_part_import_id_sale_import")
        ),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_sale_import_part")),
    )
    op.create_table(
        "sale_import_row",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("outcome", _one_of("outcome", OUTCOMES), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("origin_id", sa.Uuid(), nullable=False),
        sa.Column("origin_row", sa.Integer(), nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"], ["sale_import.id"], name=op.f("fk_sale_import_row_import_id_sale_import")
        ),
        sa.ForeignKeyConstraint(
            ["origin_id"], ["sale_import.id"], name=op.f("fk_sale_import_row_origin_id_sale_import")
        ),
        sa.PrimaryKeyConstraint("import_id", "row", name=op.f("pk_sale_import_row")),
    )
    for column in ("fingerprint", "origin_row"):
        op.create_index(op.f(f"ix_sale_import_row_origin_id_{column}"), "sale_import_row", ["origin_id", column])
    op.add_column("sale", sa.Column("import_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_sale_import_id_sale_import"), "sale", "sale_import", ["import_id"], ["id"])
    op.create_index(
        op.f("ix_sale_import_id_id"),
        "sale",
        ["import_id", "id"],
        postgresql_where=sa.text("import_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_sale_import_id_id"), table_name="sale")
    op.drop_constraint(op.f("fk_sale_import_id_sale_import"), "sale", type_="foreignkey")
    op.drop_column("sale", "import_id")
    op.drop_table("sale_import_row")
    op.drop_table("sale_import_part")
    op.drop_table("sale_import")


def _one_of(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)
