"""Payment: what is owed for an order. Bank receipt: money that was seen at the bank."""

import enum
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.db import Base, Fen, Id, now
from shop.orders.models import Order, PaymentMethod


class PaymentStatus(enum.StrEnum):
    """Where a payment stands."""

    PENDING = "pending"
    CAPTURED = "captured"
    CANCELLED = "cancelled"


class Payment(Base):
    """What a buyer owes, or has paid, for one order. `reference` is what the buyer writes on the transfer."""

    __tablename__ = "payment"
    __table_args__ = (CheckConstraint("amount_fen > 0", name="amount_positive"),)

    id: Mapped[Id]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("order.id"), unique=True)
    method: Mapped[PaymentMethod]
    reference: Mapped[str] = mapped_column(unique=True)
    amount_fen: Mapped[Fen]
    status: Mapped[PaymentStatus] = mapped_column(default=PaymentStatus.PENDING)

    order: Mapped[Order] = relationship(lazy="raise")


class BankReceipt(Base):
    """Money seen at the bank. It is never refused: what no order takes waits in `liability:unallocated`."""

    __tablename__ = "bank_receipt"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        CheckConstraint("allocated_fen BETWEEN 0 AND amount_fen", name="allocated_within_amount"),
    )

    id: Mapped[Id]
    number: Mapped[str] = mapped_column(unique=True)
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("order.id"), index=True)
    amount_fen: Mapped[Fen]
    allocated_fen: Mapped[Fen] = mapped_column(default=0)
    paid_on: Mapped[date]
    payer: Mapped[str]
    reference: Mapped[str]
    recorded_by: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    recorded_at: Mapped[datetime] = mapped_column(default=now, index=True)
    is_demo: Mapped[bool] = mapped_column(default=False)

    order: Mapped[Order | None] = relationship(lazy="raise")
