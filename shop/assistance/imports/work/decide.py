"""The verdict on each row of a piece of a sheet, in the light of the sales that exist."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext
from sqlalchemy.orm import Session, selectinload

from shop.assistance import service
from shop.assistance.imports import queries
from shop.assistance.imports.drafting import Origin
from shop.assistance.imports.models import Outcome, SaleImport, SaleImportRow
from shop.assistance.imports.rules import Judge, Judged, fingerprint, made_reference
from shop.assistance.models import Sale
from shop.assistance.rules import CLAIMING, Paper, SaleDraft
from shop.errors import FieldError
from shop.identity.actor import Actor

_RECORDED = (Outcome.ACCEPTED, Outcome.DUPLICATE)
_Print = tuple[UUID, bytes]
"""An import and what a row of it says."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of a row."""

    row: Judged
    origin: Origin
    outcome: Outcome
    reference: str | None
    faults: list[dict[str, Any]]


def verdicts(
    session: Session, sheet: SaleImport, judge: Judge, *, rows: Sequence[Judged], actor: Actor
) -> list[Verdict]:
    """Return a verdict for every row, in their order. Nothing is stored."""
    decider = _Decider(session, sheet, judge, actor)
    decider.look_up(rows)
    return [decider.verdict(row) for row in rows]


class _Decider:
    """Knows the sales that exist, and those that the rows before make."""

    def __init__(self, session: Session, sheet: SaleImport, judge: Judge, actor: Actor) -> None:
        self._session, self._sheet, self._judge, self._actor = session, sheet, judge, actor
        self._visible: set[UUID] = {sheet.id}
        self._recorded: dict[Origin, str] = {}
        self._counts: Counter[_Print] = Counter()
        self._prints: dict[str, bytes | None] = {}
        """What the sale of each reference says; None where nobody needs to know."""
        self._taken: dict[Paper, str | None] = {}

    def look_up(self, every: Sequence[Judged]) -> None:
        """Ask the database what the verdicts on these rows depend on, in a few statements."""
        rows = [row for row in every if row.draft is not None]
        mended = {row.origin for row in every if row.origin is not None}
        if mended:
            self._visible |= queries.visible_ids(self._session, self._actor, {origin.import_id for origin in mended})
            self._recorded = _recorded(self._session, mended)
        self._counts = _counts(self._session, Counter(self._print_of(row) for row in rows if not row.has_reference))
        self._find_sales(rows)
        claiming = (paper for row in rows if row.draft for paper in row.draft.evidence if paper.kind in CLAIMING)
        self._taken = dict(service.holders(self._session, self._actor, claiming))

    def verdict(self, row: Judged) -> Verdict:
        """Judge one row after those before it."""
        origin = row.origin or Origin(self._sheet.id, row.number)
        if row.draft is None:
            return Verdict(row, self._known(origin, row), Outcome.REJECTED, None, row.faults)
        if origin.import_id not in self._visible:
            return self._rejected(row, lambda: [FieldError("trace", gettext("没有这次导入；不是修改后重传的行请清空"))])
        before = self._recorded.get(origin)
        if before is not None:
            return self._seen_before(row, origin, before)
        print_ = self._print_of(row)
        reference = (
            row.draft.reference if row.has_reference else made_reference(row.fingerprint, self._counts[print_] + 1)
        )
        verdict = self._new(row, origin, reference)
        if verdict.outcome is not Outcome.REJECTED and not row.has_reference:
            self._counts[print_] += 1
        return verdict

    def _seen_before(self, row: Judged, origin: Origin, reference: str) -> Verdict:
        if self._prints.get(reference) == row.fingerprint:
            return Verdict(row, origin, Outcome.DUPLICATE, reference, [])
        return self._rejected(
            row,
            lambda: [
                FieldError("trace", gettext("这一行已记为销售 %(reference)s，不能在导入中改动", reference=reference))
            ],
        )

    def _new(self, row: Judged, origin: Origin, reference: str) -> Verdict:
        if reference in self._prints:
            if not row.has_reference or self._prints[reference] == row.fingerprint:
                return Verdict(row, origin, Outcome.DUPLICATE, reference, [])
            return self._rejected(row, lambda: service.reference_taken().errors)
        draft = _drafted(row)
        if any(paper in self._taken for paper in draft.evidence):
            return self._rejected(row, lambda: service.claimed(draft, self._taken).errors)
        self._prints[reference] = row.fingerprint
        self._taken |= {paper: reference for paper in draft.evidence if paper.kind in CLAIMING}
        return Verdict(row, origin, Outcome.ACCEPTED, reference, [])

    def _rejected(self, row: Judged, errors: Any) -> Verdict:  # noqa: ANN401 - a function of no arguments
        faults = self._judge.faults(row, errors(), errors)
        origin = self._known(row.origin or Origin(self._sheet.id, row.number), row)
        return Verdict(row, origin, Outcome.REJECTED, None, faults)

    def _known(self, origin: Origin, row: Judged) -> Origin:
        return origin if origin.import_id in self._visible else Origin(self._sheet.id, row.number)

    def _print_of(self, row: Judged) -> _Print:
        return (row.origin.import_id if row.origin else self._sheet.id), row.fingerprint

    def _find_sales(self, rows: list[Judged]) -> None:
        given = {_drafted(row).reference for row in rows if row.has_reference} | set(self._recorded.values())
        wanted = Counter(self._print_of(row) for row in rows if not row.has_reference)
        made = {
            made_reference(print_[1], self._counts[print_] + number)
            for print_, count in wanted.items()
            for number in range(1, count + 1)
        }
        self._prints = dict.fromkeys(_existing(self._session, made))
        self._prints |= _said(self._session, given)


def _drafted(row: Judged) -> SaleDraft:
    if row.draft is None:
        raise TypeError(row)
    return row.draft


def _recorded(session: Session, origins: Iterable[Origin]) -> dict[Origin, str]:
    """Return the sale that holds each row which was accepted before, here or in a mended sheet."""
    asked = sorted(origins)
    ids = sa.cast([origin.import_id for origin in asked], sa.ARRAY(sa.Uuid))
    numbers = sa.cast([origin.row for origin in asked], sa.ARRAY(sa.Integer))
    wanted = sa.func.unnest(ids, numbers).table_valued("id", "row").render_derived()
    rows = session.execute(
        sa.select(SaleImportRow.origin_id, SaleImportRow.origin_row, SaleImportRow.reference)
        .join(wanted, sa.and_(SaleImportRow.origin_id == wanted.c.id, SaleImportRow.origin_row == wanted.c.row))
        .where(SaleImportRow.outcome.in_(_RECORDED), SaleImportRow.reference.is_not(None))
    )
    return {Origin(row.origin_id, row.origin_row): row.reference for row in rows}


def _counts(session: Session, prints: Counter[_Print]) -> Counter[_Print]:
    """Return how many rows of each import that say the same are recorded; one sent again is one."""
    found: Counter[_Print] = Counter()
    for import_id in {import_id for import_id, _ in prints}:
        wanted = sa.cast([print_ for of, print_ in prints if of == import_id], sa.ARRAY(sa.LargeBinary))
        rows = session.execute(
            sa.select(SaleImportRow.fingerprint, sa.func.count(SaleImportRow.origin_row.distinct()).label("count"))
            .where(
                SaleImportRow.origin_id == import_id,
                SaleImportRow.fingerprint == sa.any_(wanted),
                SaleImportRow.outcome.in_(_RECORDED),
            )
            .group_by(SaleImportRow.fingerprint)
        )
        found.update({(import_id, bytes(row.fingerprint)): row.count for row in rows})
    return found


def _existing(session: Session, references: set[str]) -> Iterable[str]:
    wanted = sa.cast(sorted(references), sa.ARRAY(sa.Text))
    return session.scalars(sa.select(Sale.reference).where(Sale.reference == sa.any_(wanted)))


def _said(session: Session, references: set[str]) -> dict[str, bytes | None]:
    """Return what the sales of these references say."""
    if not references:
        return {}
    wanted = sa.cast(sorted(references), sa.ARRAY(sa.Text))
    sales = session.scalars(
        sa.select(Sale).where(Sale.reference == sa.any_(wanted)).options(selectinload(Sale.evidence))
    )
    return {sale.reference: fingerprint(_as_draft(sale)) for sale in sales}


def _as_draft(sale: Sale) -> SaleDraft:
    return SaleDraft(
        reference=sale.reference,
        partner=sale.partner_code,
        mode=sale.mode,
        channel=sale.channel_code,
        county=sale.county,
        category=sale.category_code,
        product=sale.product,
        quantity=sale.quantity,
        unit=sale.unit,
        amount_fen=sale.amount_fen,
        sold_on=sale.sold_on,
        buyer=sale.buyer,
        evidence=tuple(Paper(paper.kind, paper.number) for paper in sale.evidence),
    )
