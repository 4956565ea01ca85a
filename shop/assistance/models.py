"""Off-platform sales and their evidence."""

import enum
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.assistance.imports.models import SaleImport
from shop.db import Base, Fen, Id, now

UNKNOWN_COUNTY = "unknown"


class SaleMode(enum.StrEnum):
    """Direct purchase: the partner's own body pays. Assisted sale: somebody else pays, the partner brought it about."""

    DIRECT = "direct"
    ASSISTED = "assisted"


class SaleStatus(enum.StrEnum):
    """Where a sale stands. Only a confirmed sale is posted."""

    REPORTED = "reported"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    REVERSED = "reversed"


class EvidenceKind(enum.StrEnum):
    """What proves a sale."""

    INVOICE = "invoice"
    CONTRACT = "contract"
    PLATFORM_ORDER = "platform_order"
    DELIVERY_NOTE = "delivery_note"
    ACCEPTANCE_NOTE = "acceptance_note"
    BANK_SLIP = "bank_slip"


class Sale(Base):
    """A sale made elsewhere that a partner reports. `reference` is the reporter's own and unique."""

    __tablename__ = "sale"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount_positive"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        Index(None, "partner_code", "sold_on"),
        # Of an import's sales in the order in which they were made, so that they can be confirmed piece by piece.
        Index(None, "import_id", "id", postgresql_where=sa.text("import_id IS NOT NULL")),
    )

    id: Mapped[Id]
    reference: Mapped[str] = mapped_column(unique=True)
    partner_code: Mapped[str] = mapped_column(ForeignKey("partner.code"))
    mode: Mapped[SaleMode]
    channel_code: Mapped[str] = mapped_column(ForeignKey("channel.code"), index=True)
    county_code: Mapped[str | None] = mapped_column(ForeignKey("region.code"), index=True)
    """Null while nobody knows the origin: posted to the ledger's unknown county."""
    category_code: Mapped[str] = mapped_column(ForeignKey("category.code"), index=True)
    product: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(sa.Numeric(18, 3))
    unit: Mapped[str]
    amount_fen: Mapped[Fen]
    sold_on: Mapped[date]
    buyer: Mapped[str]
    is_paired: Mapped[bool]
    """Whether partner and county were paired on the day of the sale."""
    rule_version: Mapped[str] = mapped_column(ForeignKey("counting_rule.version"), index=True)
    status: Mapped[SaleStatus] = mapped_column(default=SaleStatus.REPORTED, index=True)
    reported_by: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    reported_at: Mapped[datetime] = mapped_column(default=now)
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"), index=True)
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    """Why it was rejected or reversed. The audit trail holds every step; these columns hold the last decision."""
    is_demo: Mapped[bool] = mapped_column(default=False)
    import_id: Mapped[UUID | None] = mapped_column(ForeignKey(SaleImport.id))
    """The sheet in which it came."""

    evidence: Mapped[list["Evidence"]] = relationship(lazy="raise", order_by="Evidence.id")

    @property
    def county(self) -> str:
        """The county of origin as requests and the ledger name it."""
        return self.county_code or UNKNOWN_COUNTY

    @property
    def entry_key(self) -> str:
        """The idempotency key under which the ledger holds this sale."""
        return f"sale:{self.reference}"


class Evidence(Base):
    """One piece of paper behind a sale. An invoice or platform order backs one live sale only."""

    __tablename__ = "evidence"
    __table_args__ = (
        Index(
            "uq_evidence_claim",
            "kind",
            "number",
            unique=True,
            postgresql_where=sa.text("is_live AND kind IN ('invoice', 'platform_order')"),
        ),
    )

    id: Mapped[Id]
    sale_id: Mapped[UUID] = mapped_column(ForeignKey("sale.id"), index=True)
    kind: Mapped[EvidenceKind]
    number: Mapped[str]
    """Normalised: 20 digits of a digital invoice, or code-number of an older one."""
    is_live: Mapped[bool] = mapped_column(default=True)
    """False once its sale is rejected or reversed: the paper may then back a corrected report."""
