"""Bank receipt: money that was seen at the bank, and what became of it since."""

import enum
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.db import Base, Fen, Id, now
from shop.identity.models import User
from shop.orders.models import Order


class BankReceipt(Base):
    """Money seen at the bank. It is never refused: what no order takes waits in `liability:unallocated`."""

    __tablename__ = "bank_receipt"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        CheckConstraint("allocated_fen >= 0", name="allocated_not_negative"),
        CheckConstraint("refunded_fen >= 0", name="refunded_not_negative"),
        CheckConstraint("allocated_fen + refunded_fen <= amount_fen", name="allocated_within_amount"),
        Index(
            "ix_bank_receipt_waiting",
            "paid_on",
            "id",
            postgresql_where=sa.text("allocated_fen + refunded_fen < amount_fen"),
        ),
    )

    id: Mapped[Id]
    number: Mapped[str] = mapped_column(unique=True)
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("order.id"), index=True)
    """The order that the payer or finance named when the money came, whether or not it took any."""
    amount_fen: Mapped[Fen]
    allocated_fen: Mapped[Fen] = mapped_column(default=0)
    """What orders have of it now: the sum of its moves."""
    refunded_fen: Mapped[Fen] = mapped_column(default=0, server_default=sa.text("0"))
    """What went back to the payer: the sum of its moves."""
    paid_on: Mapped[date]
    payer: Mapped[str]
    reference: Mapped[str]
    recorded_by: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    recorded_at: Mapped[datetime] = mapped_column(default=now, index=True)
    is_demo: Mapped[bool] = mapped_column(default=False)

    order: Mapped[Order | None] = relationship(lazy="raise")
    recorder: Mapped[User] = relationship(lazy="raise")
    moves: Mapped[list["ReceiptMove"]] = relationship(lazy="raise", order_by="ReceiptMove.id", back_populates="receipt")

    @property
    def unallocated_fen(self) -> int:
        """What waits for a place."""
        return self.amount_fen - self.allocated_fen - self.refunded_fen


class MoveKind(enum.StrEnum):
    """Where money of a receipt went."""

    PLACED = "placed"
    """On an order."""
    RELEASED = "released"
    """From an order back to what waits."""
    REFUNDED = "refunded"
    """To the payer."""
    RETURNED = "returned"
    """Back from the payer's bank."""


class ReceiptMove(Base):
    """One move of a receipt's money, posted in its commit. Rows are only ever added; a mistake is moved back."""

    __tablename__ = "receipt_move"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        CheckConstraint("(kind IN ('placed', 'released')) = (order_id IS NOT NULL)", name="orders_are_named"),
        CheckConstraint("NOT is_direct OR kind = 'placed'", name="direct_is_placed"),
        CheckConstraint("kind <> 'refunded' OR bank_reference <> ''", name="refund_names_bank_line"),
        CheckConstraint("kind <> 'returned' OR undoes IS NOT NULL", name="return_undoes_refund"),
    )

    id: Mapped[Id]
    receipt_id: Mapped[UUID] = mapped_column(ForeignKey("bank_receipt.id"), index=True)
    kind: Mapped[MoveKind]
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("order.id"), index=True)
    amount_fen: Mapped[Fen]
    moved_on: Mapped[date]
    is_direct: Mapped[bool] = mapped_column(default=False)
    """Whether it came with the receipt, whose own entry posts it."""
    undoes: Mapped[UUID | None] = mapped_column(unique=True)
    bank_reference: Mapped[str] = mapped_column(default="")
    """The line of the bank's statement on which a refund left."""
    note: Mapped[str] = mapped_column(default="")
    recorded_by: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"), index=True)
    """Who did it; null for the system itself."""
    recorded_at: Mapped[datetime] = mapped_column(default=now)

    receipt: Mapped[BankReceipt] = relationship(lazy="raise", back_populates="moves")
    order: Mapped[Order | None] = relationship(lazy="raise")
    recorder: Mapped[User | None] = relationship(lazy="raise")
