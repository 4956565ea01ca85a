"""Dated reference data. Nothing here is ever rewritten by a hand-over: validity ends and another row begins."""

import enum
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.db import Base, Id


class RegionLevel(enum.StrEnum):
    """The three levels that GB/T 2260 knows."""

    PROVINCE = "province"
    PREFECTURE = "prefecture"
    COUNTY = "county"


class Side(enum.StrEnum):
    """Which of the two programmes a partner belongs to. Their totals are never added without saying so."""

    EASTERN = "eastern"
    CENTRAL = "central"


class Region(Base):
    """A province, prefecture or county with its GB/T 2260 code. A null flag means unknown, not no."""

    __tablename__ = "region"

    code: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[RegionLevel]
    name: Mapped[str]
    short_name: Mapped[str]
    name_en: Mapped[str]
    pinyin: Mapped[str]
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("region.code"), index=True)
    is_contiguous_poor: Mapped[bool | None]
    """Whether it belongs to the contiguous poor areas; of a paired prefecture only these counties are paired."""
    is_formerly_poor: Mapped[bool | None]
    source: Mapped[str]

    parent: Mapped["Region | None"] = relationship(lazy="raise", remote_side=code)

    @property
    def prefecture(self) -> "Region":
        """The prefecture of a county; itself for a prefecture without counties. Needs `parent` loaded for a county."""
        if self.level is RegionLevel.COUNTY and self.parent is not None:
            return self.parent
        return self


class Partner(Base):
    """A body that helps: an eastern province or city, one of its districts, or a central unit.

    Only a partner with `is_credited` owns sales; a district's help counts for its parent.
    """

    __tablename__ = "partner"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_en: Mapped[str]
    side: Mapped[Side]
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("partner.code"), index=True)
    is_credited: Mapped[bool]


class Pairing(Base):
    """Who helps which region, from when (in) until when (out). A null bound is unknown and does not exclude."""

    __tablename__ = "pairing"
    __table_args__ = (
        CheckConstraint("since IS NULL OR until IS NULL OR since < until", name="since_before_until"),
        Index(None, "region_code", "partner_code"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    partner_code: Mapped[str] = mapped_column(ForeignKey("partner.code"), index=True)
    region_code: Mapped[str] = mapped_column(ForeignKey("region.code"))
    since: Mapped[date | None]
    since_precision: Mapped[str | None]
    until: Mapped[date | None]
    until_precision: Mapped[str | None]
    verification: Mapped[str]
    source: Mapped[str]
    note: Mapped[str]


class ChannelKind(enum.StrEnum):
    """What sort of a way in a channel is."""

    FIVE_ENTRIES = "five_entries"
    OTHER_LIST = "other_list"
    SALES_FORM = "sales_form"
    PLATFORM = "platform"


class Channel(Base):
    """Where goods are sold: one of the "five entries" or another way in, with who named it and when it holds."""

    __tablename__ = "channel"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_en: Mapped[str]
    kind: Mapped[ChannelKind]
    issuer: Mapped[str]
    """Who named it: lists differ from issuer to issuer and from year to year."""
    position: Mapped[int]
    since: Mapped[date | None]
    until: Mapped[date | None]

    def holds(self, on: date) -> bool:
        """Whether it holds on a day."""
        return (self.since is None or self.since <= on) and (self.until is None or self.until > on)


class Category(Base):
    """A kind of goods, with the art that stands in for a photograph."""

    __tablename__ = "category"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_en: Mapped[str]
    art: Mapped[str]
    position: Mapped[int]


class DeclaredFigure(Base):
    """A figure that somebody published. It is kept apart from what the ledger evidences and never posted."""

    __tablename__ = "declared_figure"
    __table_args__ = (UniqueConstraint("briefing", "code"),)

    id: Mapped[Id]
    briefing: Mapped[str]
    """The day of the briefing, `YYYY-MM-DD`."""
    code: Mapped[str]
    theme: Mapped[str]
    """What it is about: `consumption` is the theme that the ledger can evidence."""
    indicator: Mapped[str]
    indicator_en: Mapped[str]
    side: Mapped[str]
    """`eastern`, `central`, `joint` where print gives one figure for both, `gansu`, or `none`."""
    who: Mapped[str]
    measure: Mapped[str]
    """`done`, `signed`, `planned`, `subset`, `ratio` or `date`: only figures of one measure may ever be added."""
    period_end: Mapped[date | None]
    basis: Mapped[str]
    """How the text gives the period: `explicit`, `implied`, `as_of_2021`, `event`, `plan` or `date`."""
    comparator: Mapped[str]
    printed: Mapped[str]
    value: Mapped[int | None] = mapped_column(sa.BigInteger)
    """In `unit`; money in fen. None for a date."""
    unit: Mapped[str]
    tolerance: Mapped[int | None] = mapped_column(sa.BigInteger)
    """Half of the last printed digit, in `unit`; None where the print is exact."""
    note: Mapped[str]
    source: Mapped[str]


class CountingRule(Base):
    """A version of the rules by which assistance is counted, and from when (in) until when (out) it holds."""

    __tablename__ = "counting_rule"

    version: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[date]
    until: Mapped[date | None]
    text: Mapped[str]
    text_en: Mapped[str]
    parameters: Mapped[dict[str, Any]]


class Campaign(Base):
    """A partner's link: an individual who comes through it buys for that partner's account."""

    __tablename__ = "campaign"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    partner_code: Mapped[str] = mapped_column(ForeignKey("partner.code"), index=True)
    since: Mapped[date]
    until: Mapped[date | None]
