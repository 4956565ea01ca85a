"""What the registry says, read once for a whole sheet instead of once a row."""

from dataclasses import replace
from datetime import date

from sqlalchemy.orm import Session

from shop.assistance import queries
from shop.assistance.imports.drafting import names_of
from shop.assistance.imports.rules import Lookup
from shop.assistance.models import UNKNOWN_COUNTY
from shop.assistance.rules import KnownCodes, SaleDraft
from shop.registry import queries as registry
from shop.registry.models import Category, Channel, Partner

_UNKNOWN = ("产地不明", "不明", "未知", "产地未知", "unknown origin")


class Facts:
    """The registry as one piece of work sees it."""

    def __init__(self, session: Session) -> None:
        """Read what does not depend on the day."""
        self._session = session
        self._pairings = registry.pairings(session)
        self._always = queries.known_codes(session, on=date.min)
        self._channels = registry.channels_ever(session)
        self._known: dict[date, KnownCodes] = {}
        self._versions: dict[date, str] = {}

    def known(self, on: date) -> KnownCodes:
        """Return the codes that a sale of that day may name."""
        if on not in self._known:
            channels = frozenset(channel.code for channel in self._channels if channel.holds(on))
            self._known[on] = replace(self._always, channels=channels)
        return self._known[on]

    def rule_version(self, on: date) -> str:
        """Return the version of the counting rules that holds on a day."""
        if on not in self._versions:
            self._versions[on] = registry.counting_rule(self._session, on=on).version
        return self._versions[on]

    def is_paired(self, draft: SaleDraft) -> bool:
        """Tell whether partner and county of a sale were paired on its day."""
        return draft.county != UNKNOWN_COUNTY and self._pairings.hold(
            partner_code=draft.partner, county_code=draft.county, on=draft.sold_on
        )


def lookup(session: Session, *, today: date) -> Lookup:
    """Return the registry's names for their codes. Which code holds on the day of a sale is for the rules to say."""
    counties = [
        (
            row.code,
            (
                row.name,
                row.short_name,
                row.name_en,
                row.prefecture.name + row.name,
                "甘肃省" + row.prefecture.name + row.name,
            ),
        )
        for row in registry.counties(session)
    ]
    return Lookup(
        partners=_by_name(registry.partners(session)),
        channels=_by_name(registry.channels(session, on=today)),
        counties=names_of([*counties, (UNKNOWN_COUNTY, _UNKNOWN)]),
        categories=_by_name(registry.categories(session)),
    )


def _by_name(rows: list[Partner] | list[Channel] | list[Category]) -> dict[str, str]:
    return names_of((row.code, (row.name, row.name_en)) for row in rows)
