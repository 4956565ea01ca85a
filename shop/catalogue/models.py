"""What is for sale."""

import enum
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.db import Base, Fen, Id, now
from shop.identity.models import User
from shop.registry.models import Category, Region


class BrandStatus(enum.StrEnum):
    """What is known of a product's place in the 甘味 catalogue. Unknown is not no."""

    IN_CATALOGUE = "in_catalogue"
    LEFT_CATALOGUE = "left_catalogue"
    UNKNOWN = "unknown"


class StockReason(enum.StrEnum):
    """Why the number on the shelf changed: what orders did by themselves, and what an operator says."""

    ORDERED = "ordered"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    COUNTED = "counted"
    RECEIVED = "received"
    DAMAGED = "damaged"
    OTHER = "other"


LOW_STOCK_AT = 10


class Producer(Base):
    """Who supplies the goods and is owed for them. `code` names it in the ledger and never changes."""

    __tablename__ = "producer"
    __table_args__ = (
        CheckConstraint("code ~ '^[A-Za-z0-9-]{1,64}$'", name="code_shape"),
        CheckConstraint("commission_bp BETWEEN 0 AND 10000", name="commission_share"),
    )

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    county_code: Mapped[str] = mapped_column(ForeignKey("region.code"), index=True)
    commission_bp: Mapped[int] = mapped_column(default=0)
    """The platform's commission in basis points of the accepted goods."""


class Product(Base):
    """One speciality of one county. `gi` is true only where a source says so; null means unknown."""

    __tablename__ = "product"
    __table_args__ = (
        Index(
            "ix_product_search",
            "search_text",
            postgresql_using="gin",
            postgresql_ops={"search_text": "gin_trgm_ops"},
        ),
        Index(None, "category_code", "sort_key"),
        Index("ix_product_season_months", "season_months", postgresql_using="gin"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_en: Mapped[str]
    pinyin: Mapped[str]
    sort_key: Mapped[str] = mapped_column(sa.Text(collation="C"))
    """Toneless pinyin, so that lists sort as a Chinese reader expects without ICU."""
    search_text: Mapped[str]
    """Words, pinyin and initials, each between blanks, for the search."""
    search_digest: Mapped[str]
    """Of what `search_text` was made from, so that a reload cuts words only where something changed."""
    category_code: Mapped[str] = mapped_column(ForeignKey("category.code"))
    county_code: Mapped[str] = mapped_column(ForeignKey("region.code"), index=True)
    producer_id: Mapped[UUID] = mapped_column(ForeignKey("producer.id"), index=True)
    season_months: Mapped[list[int]] = mapped_column(ARRAY(sa.Integer))
    """Months of harvest or sale in order, so a season over the year's end reads [10, 11, 12, 1, 2]."""
    storage: Mapped[str]
    gi: Mapped[bool | None]
    gi_basis: Mapped[str]
    brand_status: Mapped[BrandStatus]
    """What is known of its place in the 甘味 catalogue."""
    brand_since: Mapped[date | None]
    brand_until: Mapped[date | None]
    note: Mapped[str]
    source: Mapped[str]
    art: Mapped[str]
    """The art that stands in for a photograph; empty for that of its category."""
    image_url: Mapped[str | None]
    is_listed: Mapped[bool] = mapped_column(default=True)

    category: Mapped[Category] = relationship(lazy="raise")
    county: Mapped[Region] = relationship(lazy="raise")
    producer: Mapped[Producer] = relationship(lazy="raise")
    skus: Mapped[list["Sku"]] = relationship(lazy="raise", order_by="Sku.code", back_populates="product")


class Sku(Base):
    """One pack of a product, with its price and its stock in packs. Stock that an order holds is already taken off."""

    __tablename__ = "sku"
    __table_args__ = (
        CheckConstraint("price_fen > 0", name="price_positive"),
        CheckConstraint("stock >= 0", name="stock_not_negative"),
        CheckConstraint("weight_g > 0", name="weight_positive"),
        CheckConstraint("low_stock_at >= 0", name="low_stock_not_negative"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("product.id"), index=True)
    pack: Mapped[str]
    unit: Mapped[str]
    weight_g: Mapped[int | None]
    """Net weight in grams; null where the pack is sold by piece or by volume."""
    price_fen: Mapped[Fen]
    is_price_illustrative: Mapped[bool] = mapped_column(default=False)
    stock: Mapped[int] = mapped_column(default=0)
    low_stock_at: Mapped[int] = mapped_column(default=LOW_STOCK_AT, server_default=sa.text(str(LOW_STOCK_AT)))
    """From how few packs on the operator is told to fill the shelf."""

    product: Mapped[Product] = relationship(lazy="raise", back_populates="skus")


class SearchWord(Base):
    """A word that some product is found by, and the keys under which a misspelt one finds it."""

    __tablename__ = "search_word"
    __table_args__ = (Index("ix_search_word_keys", "keys", postgresql_using="gin"),)

    word: Mapped[str] = mapped_column(sa.Text(collation="C"), primary_key=True)
    keys: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    """As `finding.spelling.keys` makes them."""
    products: Mapped[int]
    """How many products have it, so that of two words the better known is meant."""


class StockMovement(Base):
    """One change of the number on a shelf, stored in its commit. Rows are only ever added."""

    __tablename__ = "stock_movement"
    __table_args__ = (
        CheckConstraint("change <> 0", name="change_not_zero"),
        CheckConstraint("stock_after >= 0", name="stock_not_negative"),
        CheckConstraint("reason <> 'other' OR note <> ''", name="other_is_explained"),
        Index(None, "sku_code", "id"),
    )

    id: Mapped[Id]
    sku_code: Mapped[str] = mapped_column(ForeignKey("sku.code"))
    change: Mapped[int]
    """Packs put on the shelf; negative for those taken off."""
    stock_after: Mapped[int]
    reason: Mapped[StockReason]
    note: Mapped[str] = mapped_column(default="", server_default="")
    order_number: Mapped[str | None]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"), index=True)
    """Who did it; null for the system itself."""
    moved_at: Mapped[datetime] = mapped_column(default=now, server_default=sa.func.now())

    user: Mapped[User | None] = relationship(lazy="raise")
