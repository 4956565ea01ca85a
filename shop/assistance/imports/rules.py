"""Decisions about rows of a sheet: pure, so the registry and the clock come as arguments.

A row becomes the draft that the form for one sale makes, and the same rules decide on it.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from flask_babel import force_locale, lazy_gettext

from shop import languages
from shop.assistance import rules
from shop.assistance.imports.drafting import MODES, Origin, Reading
from shop.assistance.imports.models import ImportStatus, Outcome
from shop.assistance.imports.reading import cells as reading
from shop.assistance.imports.reading.headings import FIELDS, Columns
from shop.assistance.imports.reading.rows import SheetRow
from shop.assistance.models import SaleMode
from shop.assistance.rules import KnownCodes, SaleDraft
from shop.errors import FieldError, NotAllowed
from shop.identity.actor import Actor

LANGUAGES = tuple(languages.LANGUAGES)
"""A verdict is kept in every language: who reads it may not be who sent the sheet."""

STATUS_LABELS = {
    ImportStatus.WAITING: lazy_gettext("等待处理"),
    ImportStatus.RUNNING: lazy_gettext("处理中"),
    ImportStatus.DONE: lazy_gettext("已完成"),
    ImportStatus.CANCELLED: lazy_gettext("已取消"),
    ImportStatus.FAILED: lazy_gettext("无法读取"),
}
OUTCOME_LABELS = {
    Outcome.ACCEPTED: lazy_gettext("已受理"),
    Outcome.DUPLICATE: lazy_gettext("重复"),
    Outcome.REJECTED: lazy_gettext("未通过"),
    Outcome.WITHHELD: lazy_gettext("未导入"),
}

_BLANK = "X"


@dataclass(frozen=True)
class Lookup:
    """Codes by code and by every name that tells one alone; names are plain and in small letters."""

    partners: Mapping[str, str]
    channels: Mapping[str, str]
    counties: Mapping[str, str]
    categories: Mapping[str, str]


@dataclass(frozen=True)
class Judged:
    """A row as far as it can be judged without the other sales: a sound draft, or faults."""

    number: int
    cells: list[str]
    draft: SaleDraft | None
    faults: list[dict[str, Any]]
    fingerprint: bytes
    has_reference: bool
    origin: Origin | None
    papers: tuple[int, ...]
    """The column of each piece of evidence."""


class Judge:
    """Judges the rows of one sheet."""

    def __init__(
        self, columns: Columns, lookup: Lookup, *, actor: Actor, today: date, known: Callable[[date], KnownCodes]
    ) -> None:
        """Judge rows under these headings as sent by `actor` on the day `today`."""
        self.columns = columns
        self._lookup = lookup
        self._actor = actor
        self._today = today
        self._known = known

    def judge(self, row: SheetRow) -> Judged:
        """Return what one row says, or all that is wrong with it."""
        said = self._read(row.cells)
        faults = self.faults(row, said.errors, lambda: self._read(row.cells).errors)
        return Judged(
            number=row.number,
            cells=row.cells,
            draft=None if faults else said.draft,
            faults=faults,
            fingerprint=b"" if faults else fingerprint(said.draft),
            has_reference=bool(self._cell(row.cells, "reference")),
            origin=said.origin,
            papers=said.papers,
        )

    def faults(
        self, row: SheetRow | Judged, errors: Sequence[FieldError], again: Callable[[], Sequence[FieldError]]
    ) -> list[dict[str, Any]]:
        """Return errors as they are kept: with the column's heading, the cell's text, the words of each language.

        Args:
            errors: in the first language.
            again: says the same in the language that is then in force.
        """
        if not errors:
            return []
        told = {LANGUAGES[0]: errors}
        for language in LANGUAGES[1:]:
            with force_locale(language):
                told[language] = again()
        papers = row.papers if isinstance(row, Judged) else self._read(row.cells).papers
        faults = []
        for index, error in enumerate(errors):
            heading, value = self._place(error.field, row.cells, papers)
            told_in = {language: str(words[index].message) for language, words in told.items()}
            faults.append({"field": error.field, "column": heading, "value": value, **told_in})
        return faults

    def _read(self, cells: list[str]) -> Reading:
        row = Reading(self.columns, cells)
        fields = {name: row.code(name, codes) for name, codes in self._codes().items()}
        if "partner" not in self.columns.fields:
            fields["partner"] = self._actor.partner_code or ""
        papers = row.papers_read()
        row.draft = SaleDraft(
            reference=self._cell(cells, "reference") or _BLANK,
            mode=SaleMode(row.code("mode", MODES, fallback=SaleMode.DIRECT.value)),
            product=self._cell(cells, "product"),
            quantity=row.value("quantity", reading.quantity, Decimal(1)),
            unit=self._cell(cells, "unit"),
            amount_fen=row.amount(),
            sold_on=row.value("sold_on", reading.day, self._today),
            buyer=self._cell(cells, "buyer"),
            evidence=papers,
            **fields,
        )
        self._apply_rules(row)
        return row

    def _codes(self) -> dict[str, Mapping[str, str]]:
        lookup = self._lookup
        return {
            "partner": lookup.partners,
            "channel": lookup.channels,
            "county": lookup.counties,
            "category": lookup.categories,
        }

    def _apply_rules(self, row: Reading) -> None:
        marked = {error.field for error in row.errors}
        row.draft, errors = rules.reading(row.draft, known=self._known(row.draft.sold_on), today=self._today)
        row.errors += [error for error in errors if error.field not in marked and not _is_marked(error, marked)]
        if "partner" not in {error.field for error in row.errors}:
            try:
                rules.check_reporter(self._actor, row.draft.partner)
            except NotAllowed as refusal:
                row.errors.append(FieldError("partner", str(refusal.detail)))

    def _cell(self, cells: list[str], name: str) -> str:
        index = self.columns.fields.get(name)
        return cells[index] if index is not None and index < len(cells) else ""

    def _place(self, field: str, cells: list[str], papers: tuple[int, ...]) -> tuple[str, str]:
        name, _, rest = field.partition(".")
        if name == "amount_fen" and "amount" in self.columns.fields:
            name = "amount"
        index = self.columns.fields.get(name)
        if name == "evidence":
            number = rest.partition(".")[0]
            index = papers[int(number)] if number and int(number) < len(papers) else _first_paper(self.columns)
        elif name == "column":
            index = int(rest)
        elif name == "trace":
            index = self.columns.trace
        if index is None:
            return FIELDS[name][0] if name in FIELDS else "", ""
        heading = self.columns.headings[index] if index < len(self.columns.headings) else ""
        return heading, cells[index] if index < len(cells) else ""


def mark_of(origin: Origin) -> str:
    """Return how a file of verdicts names a row, so that it is known again when it comes back mended."""
    return f"{origin.import_id.hex}:{origin.row}"


def fingerprint(draft: SaleDraft) -> bytes:
    """Return a digest of what a sale says, but for its reference. Equal sales have equal ones."""
    papers = sorted(f"{paper.kind}={paper.number}" for paper in draft.evidence)
    parts = (
        draft.partner, draft.mode, draft.channel, draft.county, draft.category, draft.product,
        f"{draft.quantity.normalize():f}", draft.unit, str(draft.amount_fen), draft.sold_on.isoformat(), draft.buyer,
        *papers,
    )  # fmt: skip
    # No part holds a control character.
    return hashlib.sha256("\x1f".join(parts).encode()).digest()[:16]


@lru_cache(maxsize=1 << 14)
def made_reference(print_: bytes, occurrence: int) -> str:
    """Return the reference of the n-th of equal sales that have none of their own.

    It depends on nothing else. So the same sheet gives the same references again, and no sale comes twice.
    """
    digest = hashlib.sha256(print_ + occurrence.to_bytes(8)).digest()
    return "I-" + base64.b32encode(digest[:15]).decode()[:20]


def _is_marked(error: FieldError, marked: set[str]) -> bool:
    """Tell whether evidence is complained about that was marked in its own columns."""
    return error.field == "evidence" and any(field.startswith("column.") for field in marked)


def _first_paper(columns: Columns) -> int | None:
    places = [*(index for _, index in columns.papers), *columns.kinds.values()]
    return min(places, default=None)
