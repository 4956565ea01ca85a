"""Registration, invitations and sessions.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ROLES = ("canteen", "partner_officer", "operator", "finance", "auditor")


def upgrade() -> None:
    op.add_column("user", sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    # Whoever is here already was made by an operator, who answered for the address.
    op.execute('UPDATE "user" SET confirmed_at = created_at')
    _allow_roles(*_ROLES, "administrator")
    _create_sessions()
    _create_invitations()
    op.create_table(
        "outgoing_mail",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint("sent_at IS NULL OR failed_at IS NULL", name=op.f("ck_outgoing_mail_sent_or_failed")),
        sa.CheckConstraint("tries >= 0", name=op.f("ck_outgoing_mail_tries_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_mail")),
    )
    op.create_index(op.f("ix_outgoing_mail_created_at"), "outgoing_mail", ["created_at"])
    waiting = sa.text("sent_at IS NULL AND failed_at IS NULL")
    op.create_index("ix_outgoing_mail_waiting", "outgoing_mail", ["due_at"], postgresql_where=waiting)
    op.create_table(
        "saved_address",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("region_code ~ '^[0-9]{6}$'", name=op.f("ck_saved_address_region_code_shape")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_saved_address_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_address")),
    )
    op.create_index(op.f("ix_saved_address_user_id"), "saved_address", ["user_id"])
    default = sa.text("is_default")
    op.create_index("uq_saved_address_default", "saved_address", ["user_id"], unique=True, postgresql_where=default)


def downgrade() -> None:
    for table in ("saved_address", "outgoing_mail", "invitation", "guess_count", "user_session"):
        op.drop_table(table)
    op.execute("DELETE FROM membership WHERE role = 'administrator'")
    _allow_roles(*_ROLES)
    op.drop_column("user", "confirmed_at")


def _allow_roles(*roles: str) -> None:
    op.drop_constraint("role", "membership", type_="check")
    allowed = ", ".join(f"'{role}'" for role in roles)
    op.create_check_constraint(op.f("role"), "membership", f"role IN ({allowed})")


def _create_sessions() -> None:
    op.create_table(
        "user_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("uniquifier", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.CheckConstraint("seen_at >= started_at", name=op.f("ck_user_session_seen_after_start")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_user_session_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_session")),
    )
    op.create_index(op.f("ix_user_session_seen_at"), "user_session", ["seen_at"])
    op.create_index(op.f("ix_user_session_user_id"), "user_session", ["user_id"])
    op.create_table(
        "guess_count",
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("count > 0", name=op.f("ck_guess_count_count_positive")),
        sa.PrimaryKeyConstraint("address_hash", name=op.f("pk_guess_count")),
    )
    op.create_index(op.f("ix_guess_count_since"), "guess_count", ["since"])


def _create_invitations() -> None:
    op.create_table(
        "invitation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(*_ROLES, "administrator", name="role", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_invitation_email_small_letters")),
        sa.CheckConstraint("accepted_at IS NULL OR revoked_at IS NULL", name=op.f("ck_invitation_accepted_or_revoked")),
        sa.CheckConstraint(
            "(accepted_at IS NULL) = (accepted_by IS NULL)", name=op.f("ck_invitation_accepted_by_somebody")
        ),
        sa.ForeignKeyConstraint(["accepted_by"], ["user.id"], name=op.f("fk_invitation_accepted_by_user")),
        sa.ForeignKeyConstraint(["invited_by"], ["user.id"], name=op.f("fk_invitation_invited_by_user")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_invitation_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
    )
    for column in ("accepted_by", "invited_by", "organisation_id"):
        op.create_index(op.f(f"ix_invitation_{column}"), "invitation", [column])
    is_open = sa.text("accepted_at IS NULL AND revoked_at IS NULL")
    columns = ["organisation_id", "email", "role"]
    op.create_index("uq_invitation_open", "invitation", columns, unique=True, postgresql_where=is_open)
