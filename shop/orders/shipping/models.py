"""Shipment: one parcel of an order, as an operator recorded it."""

import enum
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from shop.db import Base, Id, now


class Carrier(enum.StrEnum):
    """Who brings a parcel."""

    SF = "sf"
    EMS = "ems"
    POST = "post"
    JD = "jd"
    ZTO = "zto"
    YTO = "yto"
    STO = "sto"
    YUNDA = "yunda"
    JT = "jt"
    DEPPON = "deppon"
    OWN = "own"
    """Our own car or the producer's: it has no tracking number."""
    OTHER = "other"


class Shipment(Base):
    """One parcel. A mistake stays on record as withdrawn, with its reason; only what is not counts."""

    __tablename__ = "shipment"
    __table_args__ = (
        CheckConstraint("carrier = 'own' OR tracking_number <> ''", name="parcel_can_be_tracked"),
        CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_reason IS NULL)", name="withdrawn_with_reason"),
        Index("ix_shipment_order_id", "order_id"),
        Index(
            "uq_shipment_parcel",
            "order_id",
            "carrier",
            "tracking_number",
            unique=True,
            postgresql_where=sa.text("withdrawn_at IS NULL AND tracking_number <> ''"),
        ),
    )

    id: Mapped[Id]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("order.id"))
    carrier: Mapped[Carrier]
    tracking_number: Mapped[str] = mapped_column(default="")
    shipped_on: Mapped[date]
    recorded_by: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    recorded_at: Mapped[datetime] = mapped_column(default=now)
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str | None]
