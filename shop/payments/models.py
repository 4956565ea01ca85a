"""Bank receipt: money that was seen at the bank."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.db import Base, Fen, Id, now
from shop.identity.models import User
from shop.orders.models import Order


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
    allocated_fen: Mapped[Fen]
    """What the order took; the rest is unallocated."""
    paid_on: Mapped[date]
    payer: Mapped[str]
    reference: Mapped[str]
    recorded_by: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    recorded_at: Mapped[datetime] = mapped_column(default=now, index=True)
    is_demo: Mapped[bool] = mapped_column(default=False)

    order: Mapped[Order | None] = relationship(lazy="raise")
    recorder: Mapped[User] = relationship(lazy="raise")
