"""A piece of a sheet into the tables: sales, their papers, the verdicts and the audit trail, by COPY."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from psycopg.errors import UniqueViolation
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import ledger
from shop.assistance.imports.models import Outcome, SaleImport
from shop.assistance.imports.rules import Judge, Judged
from shop.assistance.imports.work.decide import Verdict, verdicts
from shop.assistance.imports.work.facts import Facts
from shop.assistance.models import UNKNOWN_COUNTY, SaleStatus
from shop.assistance.rules import SaleDraft
from shop.db import copy_rows, now
from shop.errors import ShopError
from shop.identity import audit
from shop.identity.actor import Actor

log = structlog.get_logger()

_as_json = json.JSONEncoder(ensure_ascii=False).encode

MAX_RACES = 10
"""How often others may report the same sales at the very moment before a piece is given up, to be tried later."""

_SALES = (
    "COPY sale (id, reference, partner_code, mode, channel_code, county_code, category_code, product, quantity, unit,"
    " amount_fen, sold_on, buyer, is_paired, rule_version, status, reported_by, reported_at, is_demo, import_id)"
    " FROM STDIN"
)
_EVIDENCE = "COPY evidence (id, sale_id, kind, number, is_live) FROM STDIN"
_ROWS = (
    "COPY sale_import_row (import_id, row, outcome, reference, fingerprint, origin_id, origin_row, cells, faults)"
    " FROM STDIN"
)


class TooManyRaces(ShopError):
    """Others kept reporting the same sales at the same time."""

    code = "import-raced"


@dataclass(frozen=True)
class Piece:
    """What became of some rows."""

    counts: dict[Outcome, int]
    accepted_fen: int


@dataclass(frozen=True)
class Clerk:
    """Who stores rows of which sheet, by what facts."""

    sheet: SaleImport
    judge: Judge
    facts: Facts
    actor: Actor

    def store(self, session: Session, rows: Sequence[Judged]) -> Piece:
        """Store the verdict on every row, and a reported sale for each that is accepted, in the caller's transaction.

        Sales that somebody else reports at this very moment are waited for, and then judged as what exists.

        Raises:
            TooManyRaces: that happened again and again.
        """
        for _ in range(MAX_RACES):
            found = verdicts(session, self.sheet, self.judge, rows=rows, actor=self.actor)
            try:
                with session.begin_nested():
                    self._copy(session, found)
            except IntegrityError as error:
                if not isinstance(error.orig, UniqueViolation):
                    raise
                constraint = error.orig.diag.constraint_name
                log.info("import raced", sale_import=str(self.sheet.id), constraint=constraint)
                continue
            accepted = [verdict for verdict in found if verdict.outcome is Outcome.ACCEPTED]
            return Piece(
                counts={outcome: sum(verdict.outcome is outcome for verdict in found) for outcome in Outcome},
                accepted_fen=sum(_draft(verdict).amount_fen for verdict in accepted),
            )
        raise TooManyRaces

    def _copy(self, session: Session, found: Sequence[Verdict]) -> None:
        accepted = [verdict for verdict in found if verdict.outcome is Outcome.ACCEPTED]
        # In one order, so that two sheets with the same sales wait for each other and cannot deadlock.
        accepted.sort(key=lambda verdict: verdict.reference or "")
        made = {verdict.reference: ledger.uuid7() for verdict in accepted}
        at = now()
        copy_rows(session, _SALES, [self._sale(verdict, made[verdict.reference], at) for verdict in accepted])
        papers = [
            (ledger.uuid7(), made[verdict.reference], paper.kind.value, paper.number, True)
            for verdict in accepted
            for paper in _draft(verdict).evidence
        ]
        copy_rows(session, _EVIDENCE, sorted(papers, key=lambda paper: paper[2:4]))
        copy_rows(session, _ROWS, [self._row(verdict) for verdict in found])
        audit.record_many(
            session,
            self.actor,
            action="sale.reported",
            details=(
                (f"sale:{verdict.reference}", {"amount_fen": _draft(verdict).amount_fen, "import": self.sheet.id})
                for verdict in accepted
            ),
        )

    def _sale(self, verdict: Verdict, sale_id: UUID, at: object) -> tuple[object, ...]:
        draft = _draft(verdict)
        return (
            sale_id,
            verdict.reference,
            draft.partner,
            draft.mode.value,
            draft.channel,
            None if draft.county == UNKNOWN_COUNTY else draft.county,
            draft.category,
            draft.product,
            draft.quantity,
            draft.unit,
            draft.amount_fen,
            draft.sold_on,
            draft.buyer,
            self.facts.is_paired(draft),
            self.facts.rule_version(draft.sold_on),
            SaleStatus.REPORTED.value,
            self.actor.user_id,
            at,
            False,
            self.sheet.id,
        )

    def _row(self, verdict: Verdict) -> tuple[object, ...]:
        row = verdict.row
        return (
            self.sheet.id,
            row.number,
            verdict.outcome.value,
            verdict.reference,
            None if row.has_reference else row.fingerprint or None,
            verdict.origin.import_id,
            verdict.origin.row,
            _as_json(row.cells),
            _as_json(verdict.faults) if verdict.faults else None,
        )


def _draft(verdict: Verdict) -> SaleDraft:
    if verdict.row.draft is None:
        raise TypeError(verdict)
    return verdict.row.draft
