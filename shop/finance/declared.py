"""What a briefing declared, beside what the ledger evidences. The two are compared and never added."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from flask_babel import lazy_gettext
from sqlalchemy.orm import Session

from shop.finance import queries
from shop.finance.periods import BRIEFING_2021, Period
from shop.registry import queries as registry
from shop.registry.models import DeclaredFigure

BRIEFING = "2021-10-15"
CONSUMPTION = "consumption"
_PLACES = Decimal("0.0001")
_PERCENT = 100

KIND_LABELS = {
    "done": lazy_gettext("计数"),
    "money": lazy_gettext("已发生金额"),
    "signed": lazy_gettext("签约"),
    "planned": lazy_gettext("计划"),
    "ratio": lazy_gettext("比例"),
    "subset": lazy_gettext("其中项"),
    "date": lazy_gettext("日期"),
}
SIDE_LABELS = {
    "eastern": lazy_gettext("东部协作"),
    "central": lazy_gettext("中央定点"),
    "gansu": lazy_gettext("甘肃"),
    "joint": lazy_gettext("双方合计"),
    "none": lazy_gettext("不涉及"),
}


@dataclass(frozen=True)
class Coverage:
    """How much of one side's declared consumption assistance the ledger evidences, for the same period."""

    figure: DeclaredFigure
    declared_fen: int
    evidenced_fen: int
    count: int
    period: Period

    @property
    def percent(self) -> Decimal:
        """Evidenced over declared in percent, rounded half up to four places."""
        return coverage_percent(self.evidenced_fen, self.declared_fen)

    @property
    def is_trace(self) -> bool:
        """Whether something is evidenced, but less than four places can show."""
        return self.evidenced_fen > 0 and self.percent == 0


def coverage_percent(evidenced_fen: int, declared_fen: int) -> Decimal:
    """Return what share of the declared amount is evidenced, in percent, exact up to the rounding of four places."""
    return (Decimal(evidenced_fen * _PERCENT) / Decimal(declared_fen)).quantize(_PLACES, ROUND_HALF_UP)


def kind_of(figure: DeclaredFigure) -> str:
    """Return what a figure is: money that moved, a count of what was done, or what was only signed or planned."""
    return "money" if figure.measure == "done" and figure.unit == "fen" else figure.measure


def figures(session: Session) -> Sequence[DeclaredFigure]:
    """Return every figure of the briefing, in its order."""
    return registry.declared_figures(session, briefing=BRIEFING)


def coverages(session: Session) -> list[Coverage]:
    """Return the two declared consumption figures with what the ledger holds; one a side, never summed."""
    by_side = queries.totals(session, book="aid", by=("side",), period=BRIEFING_2021)
    evidenced = {row.codes["side"]: row for row in by_side.rows}
    found = []
    for figure in figures(session):
        if figure.theme == CONSUMPTION and figure.unit == "fen" and figure.value is not None:
            row = evidenced.get(figure.side)
            found.append(
                Coverage(
                    figure=figure,
                    declared_fen=figure.value,
                    evidenced_fen=row.amount_fen if row else 0,
                    count=row.count if row else 0,
                    period=BRIEFING_2021,
                )
            )
    return found
