"""Loading the registry's reference files into the database."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.registry import layout
from shop.registry.layout import Reading
from shop.registry.models import (
    Category,
    Channel,
    CountingRule,
    DeclaredFigure,
    Pairing,
    Partner,
    Region,
)
from shop.registry.rules import parents_first
from shop.registry.sync import Change, sync

DATA = Path(__file__).resolve().parent.parent / "data"
"""The reference files that we ship."""


def read_reference(session: Session, directory: Path) -> Reading:
    """Read and check the registry's files against each other and against the database. Stores nothing."""
    stored = {
        layout.REGIONS: set(session.scalars(sa.select(Region.code))),
        layout.PARTNERS: set(session.scalars(sa.select(Partner.code))),
        layout.CATEGORIES: set(session.scalars(sa.select(Category.code))),
    }
    return layout.read(directory, stored=stored)


def store_reference(session: Session, reading: Reading) -> list[Change]:
    """Bring the registry's tables in line with files that were read without an error, and tell what changed.

    Runs in the caller's transaction. Rows that no file names stay: an operator may have added them, and earlier
    records may rest on them.
    """
    regions = parents_first(reading.rows(layout.REGIONS), code="code", parent="parent_code")
    partners = parents_first(reading.rows(layout.PARTNERS), code="code", parent="parent_code")
    channels = [row | {"position": place} for place, row in enumerate(reading.rows(layout.CHANNELS), start=1)]
    categories = [row | {"position": place} for place, row in enumerate(reading.rows(layout.CATEGORIES), start=1)]
    return [
        sync(session, Region, regions, key=("code",)),
        sync(session, Partner, partners, key=("code",)),
        sync(session, Pairing, reading.rows(layout.PAIRINGS), key=("code",)),
        sync(session, Channel, channels, key=("code",)),
        sync(session, Category, categories, key=("code",)),
        sync(session, DeclaredFigure, reading.rows(layout.BRIEFING), key=("briefing", "code")),
        sync(session, CountingRule, reading.rows(layout.COUNTING_RULES), key=("version",)),
    ]
