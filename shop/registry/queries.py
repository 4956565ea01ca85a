"""Reads of the registry: who and what is known, and what held on a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext
from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased, joinedload

from shop.errors import NotFound
from shop.registry.labels import LABELS
from shop.registry.models import (
    Campaign,
    Category,
    Channel,
    CountingRule,
    DeclaredFigure,
    Pairing,
    Partner,
    Region,
    RegionLevel,
)
from shop.web import localised

GANSU = "620000"
BRIEFING_2021 = "2021-10-15"
NO_PARTNER = "none"
"""Sales that no partner brought about."""
UNKNOWN_COUNTY = "unknown"


def counties(session: Session) -> list[Region]:
    """Return Gansu's county-level units by code, with their prefectures loaded.

    嘉峪关 (620200) has no counties and so stands for one itself.
    """
    return list(session.scalars(_counties().order_by(Region.code)))


def partners(session: Session) -> list[Partner]:
    """Return the partners that own sales, eastern ones first; their districts do not."""
    return list(
        session.scalars(sa.select(Partner).where(Partner.is_credited).order_by(Partner.side.desc(), Partner.code))
    )


def channels(session: Session, *, on: date) -> list[Channel]:
    """Return the channels that hold on a day, in their order."""
    query = sa.select(Channel).where(_holds(Channel.since, Channel.until, on=on)).order_by(Channel.position)
    return list(session.scalars(query))


def channels_ever(session: Session) -> list[Channel]:
    """Return every channel, for whoever asks about the sales of many days; `Channel.holds` then tells which hold."""
    return list(session.scalars(sa.select(Channel)))


def categories(session: Session) -> list[Category]:
    """Return the kinds of goods in their order."""
    return list(session.scalars(sa.select(Category).order_by(Category.position)))


def campaign(session: Session, code: str, *, on: date) -> Campaign | None:
    """Return the campaign of a link if it runs on that day."""
    query = sa.select(Campaign).where(Campaign.code == code, _holds(Campaign.since, Campaign.until, on=on))
    return session.scalar(query)


def is_paired(session: Session, *, partner_code: str, county_code: str, on: date) -> bool:
    """Tell whether a partner, or one of its districts, was paired with a county on a day.

    A pairing with a prefecture covers its counties of the contiguous poor areas only, and one with a province covers
    none by itself, because that is how the programme was published. An unknown start or end does not exclude.
    """
    query, helper, origin = _pairings()
    found = query.where(
        origin.code == county_code,
        sa.or_(helper.code == partner_code, helper.parent_code == partner_code),
        _holds(Pairing.since, Pairing.until, on=on),
    )
    return bool(session.scalar(sa.select(found.exists())))


@dataclass(frozen=True)
class Pairings:
    """Every pairing at once, for whoever asks about thousands of sales; it answers as `is_paired` does."""

    spans: Mapping[tuple[str, str], Sequence[tuple[date | None, date | None]]]
    """From when (in) until when (out) by partner and county."""

    def hold(self, *, partner_code: str, county_code: str, on: date) -> bool:
        """Tell whether a partner, or one of its districts, was paired with a county on a day."""
        return any(
            (since is None or since <= on) and (until is None or until > on)
            for since, until in self.spans.get((partner_code, county_code), ())
        )


def pairings(session: Session) -> Pairings:
    """Return every pairing of a partner, by itself or through one of its districts, with a county."""
    spans: dict[tuple[str, str], list[tuple[date | None, date | None]]] = {}
    query, _, _ = _pairings()
    for row in session.execute(query):
        for partner in {row.helper, row.parent} - {None}:
            spans.setdefault((partner, row.county), []).append((row.since, row.until))
    return Pairings(spans)


def _pairings() -> tuple[sa.Select[*tuple[Any, ...]], type[Partner], type[Region]]:
    """Return the query of every pairing with the counties that it covers; its helper and its county."""
    helper, paired, origin = aliased(Partner), aliased(Region), aliased(Region)
    covers = sa.or_(
        sa.and_(paired.level == RegionLevel.COUNTY, paired.code == origin.code),
        sa.and_(
            paired.level == RegionLevel.PREFECTURE,
            origin.is_contiguous_poor.is_(True),
            sa.or_(paired.code == origin.parent_code, paired.code == origin.code),
        ),
    )
    query = (
        sa.select(
            helper.code.label("helper"),
            helper.parent_code.label("parent"),
            origin.code.label("county"),
            Pairing.since,
            Pairing.until,
        )
        .select_from(Pairing)
        .join(helper, helper.code == Pairing.partner_code)
        .join(paired, paired.code == Pairing.region_code)
        .join(origin, covers)
    )
    return query, helper, origin


def counting_rule(session: Session, *, on: date) -> CountingRule:
    """Return the version of the counting rules that holds on a day.

    Raises:
        NotFound: none does.
    """
    query = (
        sa.select(CountingRule)
        .where(_holds(CountingRule.since, CountingRule.until, on=on))
        .order_by(CountingRule.since.desc())
        .limit(1)
    )
    found = session.scalar(query)
    if found is None:
        raise NotFound(gettext("%(day)s 没有适用的计数规则。", day=on.isoformat()))
    return found


def declared_figures(session: Session, *, briefing: str = BRIEFING_2021) -> list[DeclaredFigure]:
    """Return the figures that a briefing declared, in the order of its text."""
    query = sa.select(DeclaredFigure).where(DeclaredFigure.briefing == briefing).order_by(DeclaredFigure.code)
    return list(session.scalars(query))


@dataclass(frozen=True)
class Names:
    """The names behind the codes of every dimension, in the reader's language."""

    rows: Mapping[tuple[str, str], dict[str, str]]

    def of(self, dimension: str, code: str) -> dict[str, str]:
        """Return `{"code", "name"}` of a code, for a partner with its `side`.

        Args:
            dimension: partner, side, mode, channel, county, prefecture, category or pairing.
            code: as the ledger holds it; `none` is 社会购买 and `unknown` an unknown origin.

        Raises:
            NotFound: the dimension has no such code.
        """
        try:
            return self.rows[dimension, code]
        except KeyError:
            raise NotFound(gettext("没有代码 %(code)s（%(dimension)s）。", code=code, dimension=dimension)) from None


def names(session: Session) -> Names:
    """Return the names of everything that a total can be cut by, read in one query."""
    rows = {(dimension, code): {"code": code, "name": str(label)} for (dimension, code), label in LABELS.items()}
    rows["partner", NO_PARTNER]["side"] = "none"
    for row in session.execute(_every_name()):
        named = {"code": row.code, "name": localised(row)}
        if row.dimension == "partner":
            named["side"] = row.side
        rows[row.dimension, row.code] = named
    return Names(rows)


def _every_name() -> sa.CompoundSelect[str, str, str, str, str]:
    blank = sa.literal("")
    prefectures = Region.level == RegionLevel.PREFECTURE
    sources = (
        ("partner", Partner, sa.cast(Partner.side, sa.Text), sa.true()),
        ("county", Region, blank, sa.or_(Region.level == RegionLevel.COUNTY, prefectures)),
        ("prefecture", Region, blank, prefectures),
        ("category", Category, blank, sa.true()),
        ("channel", Channel, blank, sa.true()),
    )
    return sa.union_all(
        *(
            sa.select(
                sa.literal(dimension).label("dimension"),
                model.code.label("code"),
                model.name.label("name"),
                model.name_en.label("name_en"),
                side.label("side"),
            ).where(condition)
            for dimension, model, side, condition in sources
        )
    )


def _counties() -> sa.Select[Region]:
    has_no_counties = sa.and_(
        Region.level == RegionLevel.PREFECTURE,
        ~sa.exists().where(aliased(Region, name="inner_region").parent_code == Region.code),
    )
    return (
        sa.select(Region)
        .where(
            Region.code.startswith(GANSU[:2]),
            sa.or_(Region.level == RegionLevel.COUNTY, has_no_counties),
        )
        .options(joinedload(Region.parent))
    )


def _holds(since: InstrumentedAttribute[Any], until: InstrumentedAttribute[Any], *, on: date) -> ColumnElement[bool]:
    return sa.and_(sa.or_(since.is_(None), since <= on), sa.or_(until.is_(None), until > on))
