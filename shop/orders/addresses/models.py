"""Saved addresses."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from shop.db import Base, Id, now


class SavedAddress(Base):
    """Where somebody wants goods sent, kept for the next order. One of them comes first at the checkout."""

    __tablename__ = "saved_address"
    __table_args__ = (
        CheckConstraint("region_code ~ '^[0-9]{6}$'", name="region_code_shape"),
        Index("uq_saved_address_default", "user_id", unique=True, postgresql_where=sa.text("is_default")),
    )

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    recipient: Mapped[str]
    phone: Mapped[str]
    region_code: Mapped[str]
    address: Mapped[str]
    is_default: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)
