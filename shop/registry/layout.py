"""What each reference file of the registry holds: its columns, its checks, and the rows that come of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shop.registry import rules
from shop.registry.files import Row, Table, read_table
from shop.registry.models import ChannelKind, RegionLevel, Side
from shop.registry.rules import Parse, optional, optional_text, text

REGIONS = "regions.csv"
PARTNERS = "partners.csv"
PAIRINGS = "pairings.csv"
CHANNELS = "channels.csv"
CATEGORIES = "categories.csv"
BRIEFING = "briefing_2021.csv"
COUNTING_RULES = "counting_rules.csv"

_VALIDITY: dict[str, Parse] = {"since": optional(rules.day), "until": optional(rules.day)}
_NAMES: dict[str, Parse] = {"name": text, "name_en": text}

COLUMNS: Mapping[str, Mapping[str, Parse]] = {
    REGIONS: {
        "code": rules.region_code,
        "level": rules.one_of(RegionLevel),
        **_NAMES,
        "short_name": text,
        "pinyin": text,
        "parent": optional(rules.region_code),
        "is_contiguous_poor": rules.flag,
        "is_formerly_poor": rules.flag,
        "source": text,
    },
    PARTNERS: {
        "code": rules.partner_code,
        **_NAMES,
        "side": rules.one_of(Side),
        "parent": optional(rules.partner_code),
        "is_credited": rules.yes_no,
    },
    PAIRINGS: {
        "code": text,
        "partner": rules.partner_code,
        "region": rules.region_code,
        **_VALIDITY,
        "since_precision": optional(rules.precision),
        "until_precision": optional(rules.precision),
        "verification": rules.among("verified", "derived", "supported"),
        "source": text,
        "note": optional_text,
    },
    CHANNELS: {"code": rules.slug, **_NAMES, "kind": rules.one_of(ChannelKind), "issuer": text, **_VALIDITY},
    CATEGORIES: {"code": rules.slug, **_NAMES, "art": rules.slug},
    BRIEFING: {
        "briefing": text,
        "code": text,
        "theme": rules.slug,
        "indicator": text,
        "indicator_en": text,
        "side": rules.among("eastern", "central", "joint", "gansu", "none"),
        "who": optional_text,
        "measure": rules.among("done", "signed", "planned", "subset", "ratio", "date"),
        "period_end": optional(rules.day),
        "basis": rules.slug,
        "comparator": rules.among("=", ">", ">="),
        "printed": text,
        "value": optional(rules.whole_number),
        "unit": rules.among("count", "fen", "percent", "persons", "person_times", "date"),
        "tolerance": optional(rules.whole_number),
        "note": optional_text,
        "source": text,
    },
    COUNTING_RULES: {
        "version": text,
        "since": rules.day,
        "until": optional(rules.day),
        "text": text,
        "text_en": text,
        "parameters": rules.json_object,
    },
}
"""The columns of each file, in any order, and how their cells are read."""

RENAMED = {"parent": "parent_code", "partner": "partner_code", "region": "region_code"}
"""Columns that name a row elsewhere, and what the table calls them."""


@dataclass(frozen=True)
class Reading:
    """The registry's files as read, not yet stored."""

    tables: Mapping[str, Table]
    known: Mapping[str, frozenset[str]]
    """By file, the codes of its rows and of those that the database already holds."""

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return one file's rows under the table's column names."""
        return [
            {RENAMED.get(column, column): value for column, value in row.values.items()}
            for row in self.tables[name].rows
        ]


def read(directory: Path, *, stored: Mapping[str, set[str]]) -> Reading:
    """Read and check every file of the registry; what is wrong stands in the tables' errors.

    Args:
        directory: where the files are.
        stored: by file, the codes that the database holds.
    """
    tables = {name: read_table(directory / name, columns) for name, columns in COLUMNS.items()}
    known = {name: frozenset(table.claimed | stored.get(name, set())) for name, table in tables.items()}
    for name, check in _CHECKS.items():
        check(tables[name], known)
    return Reading(tables, known)


def _check_regions(table: Table, known: Mapping[str, frozenset[str]]) -> None:
    table.check_unique("code")
    table.check_known("parent", known[REGIONS], kind="region")
    _check_ancestry(table)


def _check_partners(table: Table, known: Mapping[str, frozenset[str]]) -> None:
    table.check_unique("code")
    table.check_known("parent", known[PARTNERS], kind="partner")
    _check_ancestry(table)
    for row in table.rows:
        if row["code"].startswith("C-") is not (row["side"] is Side.CENTRAL):
            table.refuse(row, "side", "a code with C- is a central unit, every other an eastern partner")


def _check_pairings(table: Table, known: Mapping[str, frozenset[str]]) -> None:
    table.check_unique("code")
    table.check_known("partner", known[PARTNERS], kind="partner")
    table.check_known("region", known[REGIONS], kind="region")
    _check_validity(table)
    for row in table.rows:
        for name in ("since", "until"):
            if reason := rules.check_precision(row[name], row[f"{name}_precision"]):
                table.refuse(row, name, reason)


def _check_channels(table: Table, _known: Mapping[str, frozenset[str]]) -> None:
    table.check_unique("code")
    _check_validity(table)


def _check_categories(table: Table, _known: Mapping[str, frozenset[str]]) -> None:
    table.check_unique("code")


def _check_briefing(table: Table, _known: Mapping[str, frozenset[str]]) -> None:
    table.check_unique("briefing", "code")
    for row in table.rows:
        if (row["value"] is None) is not (row["unit"] == "date"):
            table.refuse(row, "value", "a figure has a value, a date has none")


def _check_counting_rules(table: Table, _known: Mapping[str, frozenset[str]]) -> None:
    table.check_unique("version")
    _check_validity(table)


def _check_validity(table: Table) -> None:
    for row in table.rows:
        if reason := rules.check_range(row["since"], row["until"]):
            table.refuse(row, "until", reason)


def _check_ancestry(table: Table) -> None:
    by_code: dict[str, Row] = {row["code"]: row for row in table.rows}
    try:
        rules.parents_first([row.values for row in table.rows], code="code", parent="parent")
    except ValueError as error:
        table.refuse(by_code[str(error)], "parent", "is its own ancestor")


_CHECKS: Mapping[str, Callable[[Table, Mapping[str, frozenset[str]]], None]] = {
    REGIONS: _check_regions,
    PARTNERS: _check_partners,
    PAIRINGS: _check_pairings,
    CHANNELS: _check_channels,
    CATEGORIES: _check_categories,
    BRIEFING: _check_briefing,
    COUNTING_RULES: _check_counting_rules,
}
