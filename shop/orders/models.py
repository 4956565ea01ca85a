"""Basket, order and order line."""

import enum
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.catalogue.models import Sku
from shop.db import Base, Fen, Id, now
from shop.identity.models import Organisation, User
from shop.orders.shipping.models import Shipment


class OrderStatus(enum.StrEnum):
    """Where an order stands; `rules.py` holds the table of what may follow what."""

    AWAITING_PAYMENT = "awaiting_payment"
    AWAITING_ACCEPTANCE = "awaiting_acceptance"
    PAID = "paid"
    ACCEPTED = "accepted"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class PaymentMethod(enum.StrEnum):
    """How an order is paid."""

    STRIPE = "stripe"
    BANK_TRANSFER = "bank_transfer"
    ON_ACCOUNT = "on_account"


class BasketLine(Base):
    """What somebody means to buy. `owner` is a user's id, or the id of an anonymous visitor's session."""

    __tablename__ = "basket_line"
    __table_args__ = (CheckConstraint("quantity BETWEEN 1 AND 9999", name="quantity_range"),)

    owner: Mapped[UUID] = mapped_column(primary_key=True)
    sku_code: Mapped[str] = mapped_column(ForeignKey("sku.code"), primary_key=True, index=True)
    quantity: Mapped[int]
    added_at: Mapped[datetime] = mapped_column(default=now)

    sku: Mapped[Sku] = relationship(lazy="raise")

    @property
    def amount_fen(self) -> int:
        """What the line costs at today's price."""
        return self.quantity * self.sku.price_fen


class Order(Base):
    """One purchase. `number` is public: random, so that it can be neither guessed nor counted."""

    __tablename__ = "order"
    __table_args__ = (
        CheckConstraint("goods_fen > 0", name="goods_positive"),
        CheckConstraint("freight_fen >= 0", name="freight_not_negative"),
        CheckConstraint("paid_fen >= 0", name="paid_not_negative"),
        CheckConstraint(
            "payment_method <> 'on_account' OR organisation_id IS NOT NULL",
            name="on_account_needs_organisation",
        ),
        Index("ix_order_pay_until", "pay_until", postgresql_where=sa.text("status = 'awaiting_payment'")),
        Index(
            "ix_order_open",
            "placed_at",
            "id",
            postgresql_where=sa.text("status IN ('paid', 'awaiting_acceptance')"),
        ),
    )

    id: Mapped[Id]
    number: Mapped[str] = mapped_column(unique=True)
    status: Mapped[OrderStatus]
    payment_method: Mapped[PaymentMethod]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    organisation_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    partner_code: Mapped[str] = mapped_column(default="none")
    """Who is credited, fixed when the order is placed: a later change of registry never moves it."""
    channel_code: Mapped[str] = mapped_column(ForeignKey("channel.code"), index=True)
    goods_fen: Mapped[Fen]
    freight_fen: Mapped[Fen] = mapped_column(default=0)
    paid_fen: Mapped[Fen] = mapped_column(default=0)
    accepted_fen: Mapped[int | None] = mapped_column(sa.BigInteger)
    """The goods as accepted; null until then."""
    ship_name: Mapped[str]
    ship_phone: Mapped[str]
    ship_region_code: Mapped[str]
    ship_address: Mapped[str]
    placed_at: Mapped[datetime] = mapped_column(default=now, index=True)
    placed_on: Mapped[date]
    accepted_on: Mapped[date | None]
    pay_until: Mapped[datetime | None]
    """Until when the stock is held for money that has not come; null where goods come first."""
    is_demo: Mapped[bool] = mapped_column(default=False)

    lines: Mapped[list["OrderLine"]] = relationship(lazy="raise", order_by="OrderLine.line_no")
    user: Mapped[User] = relationship(lazy="raise")
    organisation: Mapped[Organisation | None] = relationship(lazy="raise")
    shipments: Mapped[list[Shipment]] = relationship(lazy="raise", order_by=Shipment.id)
    """Every parcel that was recorded, those that were taken back too."""

    @property
    def parcels(self) -> list[Shipment]:
        """What really left the store for this order."""
        return [shipment for shipment in self.shipments if shipment.withdrawn_at is None]

    @property
    def total_fen(self) -> int:
        """What the whole order as placed costs."""
        return self.goods_fen + self.freight_fen

    @property
    def billed_fen(self) -> int:
        """What the buyer really owes: the order as placed, or as accepted once that is known."""
        if self.accepted_fen is None:
            return self.total_fen
        return self.accepted_fen + (self.freight_fen if self.accepted_fen else 0)


class OrderLine(Base):
    """One line as bought: price, origin and category are copied, so that later changes never rewrite it."""

    __tablename__ = "order_line"
    __table_args__ = (
        UniqueConstraint("order_id", "line_no"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        CheckConstraint(
            "accepted_quantity IS NULL OR accepted_quantity BETWEEN 0 AND quantity",
            name="accepted_within_ordered",
        ),
    )

    id: Mapped[Id]
    order_id: Mapped[UUID] = mapped_column(ForeignKey("order.id"))
    line_no: Mapped[int]
    sku_code: Mapped[str] = mapped_column(ForeignKey("sku.code"), index=True)
    product_name: Mapped[str]
    pack: Mapped[str]
    unit: Mapped[str]
    county_code: Mapped[str]
    category_code: Mapped[str]
    is_paired: Mapped[bool]
    """Whether origin and credited partner were paired on the day of the order."""
    producer_code: Mapped[str]
    commission_bp: Mapped[int]
    quantity: Mapped[int]
    accepted_quantity: Mapped[Decimal | None] = mapped_column(sa.Numeric(12, 3))
    accepted_amount_fen: Mapped[int | None] = mapped_column(sa.BigInteger)
    shortfall_reason: Mapped[str | None]
    unit_price_fen: Mapped[Fen]
    amount_fen: Mapped[Fen]

    sku: Mapped[Sku] = relationship(lazy="raise")
