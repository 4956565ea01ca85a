"""Sheets of sales as they were sent in, and the verdict on each of their rows."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from shop.db import Base, Fen, Id, now


class ImportStatus(enum.StrEnum):
    """Where an import stands. The last three are final."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


FINAL = frozenset({ImportStatus.DONE, ImportStatus.CANCELLED, ImportStatus.FAILED})


class SheetFormat(enum.StrEnum):
    """What sort of file was sent."""

    CSV = "csv"
    XLSX = "xlsx"


class Outcome(enum.StrEnum):
    """The verdict on a row. Withheld: nothing was wrong with it, but the sheet was to count whole or not at all."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    WITHHELD = "withheld"


class SaleImport(Base):
    """One sheet. `position` is the last row of the file on which a verdict is stored: there the work goes on."""

    __tablename__ = "sale_import"
    __table_args__ = (
        CheckConstraint("accepted + duplicate + rejected + withheld <= position", name="counts_within_position"),
        CheckConstraint("confirmed <= accepted", name="confirmed_within_accepted"),
        CheckConstraint("confirming_by <> uploaded_by", name="confirmed_by_another"),
    )

    id: Mapped[Id]
    uploaded_by: Mapped[UUID] = mapped_column(ForeignKey("user.id"), index=True)
    organisation_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    """For which the uploader acted: it decides which partners the rows may name."""
    partner_code: Mapped[str | None] = mapped_column(ForeignKey("partner.code"), index=True)
    """Whose officers may see it; none for a sheet of the operator, which may name every partner."""
    filename: Mapped[str]
    format: Mapped[SheetFormat]
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    sha256: Mapped[str]
    is_all_or_nothing: Mapped[bool] = mapped_column(default=False)
    status: Mapped[ImportStatus] = mapped_column(default=ImportStatus.WAITING, index=True)
    problem: Mapped[dict[str, Any] | None]
    """Why the sheet as a whole cannot be read, by language."""
    headings: Mapped[list[str] | None] = mapped_column(sa.JSON)
    header_row: Mapped[int] = mapped_column(default=0)
    lines: Mapped[int] = mapped_column(default=0)
    """How many rows there are about, to show progress; exact at the end."""
    position: Mapped[int] = mapped_column(default=0)
    seen: Mapped[int] = mapped_column(default=0)
    """How far the work is, to show it: with all or nothing the position stays at the beginning until the end."""
    accepted: Mapped[int] = mapped_column(default=0)
    duplicate: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    withheld: Mapped[int] = mapped_column(default=0)
    accepted_fen: Mapped[Fen] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    touched_at: Mapped[datetime | None]
    """When work on it was last stored. Long ago while it runs means that its worker died."""
    finished_at: Mapped[datetime | None]
    confirming_by: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"), index=True)
    confirming_for: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    confirmed: Mapped[int] = mapped_column(default=0)
    """How many of its sales were confirmed together; others may have been decided one by one."""
    confirmed_at: Mapped[datetime | None]
    """When confirming them together ended."""

    @property
    def is_final(self) -> bool:
        """Whether the reading is over."""
        return self.status in FINAL

    @property
    def is_confirming(self) -> bool:
        """Whether its sales are being confirmed right now."""
        return self.confirming_by is not None and self.confirmed_at is None


class SaleImportPart(Base):
    """A piece of the file, until it is read to its end: the web server and the worker share no disk."""

    __tablename__ = "sale_import_part"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("sale_import.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    data: Mapped[bytes]


class SaleImportRow(Base):
    """The verdict on one row, stored in the commit of the sale that it became."""

    __tablename__ = "sale_import_row"
    __table_args__ = (
        Index(None, "origin_id", "fingerprint"),
        Index(None, "origin_id", "origin_row"),
    )

    import_id: Mapped[UUID] = mapped_column(ForeignKey("sale_import.id"), primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True)
    """As the spreadsheet numbers it, from 1."""
    outcome: Mapped[Outcome]
    reference: Mapped[str | None]
    """The sale that holds what the row says; of a rejected row none."""
    fingerprint: Mapped[bytes | None]
    """What the row says, if it names no reference of its own: equal rows are told apart by counting them."""
    origin_id: Mapped[UUID] = mapped_column(ForeignKey("sale_import.id"))
    """The import in which this row first came; another one if it was mended and sent again."""
    origin_row: Mapped[int]
    cells: Mapped[list[str]] = mapped_column(sa.JSON)
    faults: Mapped[list[dict[str, Any]] | None] = mapped_column(sa.JSON)
    """What is wrong: column, value, and the reason by language."""
