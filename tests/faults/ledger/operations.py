"""What is broken off: calls of the ledger, each in one transaction, with the books that it finds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from unittest.mock import patch

import pytest
from sqlalchemy.orm import Session

import ledger
from ledger import AlreadyClosed, Draft, EntryVerdict, Leg
from ledger.posting import bulk
from tests.ledger.factories import DAY, LINTAO, TIANJIN, a_leg, a_payment, a_sale

AUGUST = date(2021, 8, 15)
QINGDAO = ledger.partner_account("370200", "assisted", "live")
MINXIAN = ledger.county_account("621126", "herb")
THREE_LEGS = (a_leg(700), a_leg(20, kind="sale_unpaired"), Leg(QINGDAO, MINXIAN, 3, "sale"))
BULK = [
    a_sale("bulk:1", *THREE_LEGS),
    a_payment("bulk:2"),
    a_sale("held:1"),
    a_sale("bulk:4", a_leg(40), on=AUGUST),
    a_sale("bulk:5", a_leg(5), on=date(2021, 10, 1), memo="two\nlines"),
    a_sale("bulk:6", a_leg(60, debit=QINGDAO, credit=MINXIAN)),
    a_payment("bulk:7", 77, on=date(2021, 10, 2)),
]


@dataclass(frozen=True)
class Operation:
    """One call of the ledger.

    Attributes:
        prepare: puts into the books what the call needs.
        run: makes the call, the first time.
        repeat: makes it again, after a fault, and asserts that it says whether the first one had happened.
    """

    name: str
    prepare: Callable[[Session], None]
    run: Callable[[Session], None]
    repeat: Callable[[Session, bool], None]

    def __str__(self) -> str:
        return self.name


@contextmanager
def small_blocks() -> Iterator[None]:
    """Let a bulk of a few drafts take several blocks, and each several messages."""
    with patch.object(bulk, "DRAFTS_PER_BLOCK", 3), patch.object(bulk, "_LINES_PER_WRITE", 2):
        yield


def hold_some(session: Session) -> None:
    """Post something, and close August."""
    ledger.post(session, a_sale("held:1"))
    ledger.close_month(session, "aid", AUGUST, by="test")


def _posting(name: str, draft: Draft, *, carry_forward: bool = False) -> Operation:
    def repeat(session: Session, had_happened: bool) -> None:  # noqa: FBT001 -- what every repeat is told
        assert ledger.post(session, draft, carry_forward=carry_forward).is_new is not had_happened

    return Operation(name, hold_some, lambda session: repeat(session, False), repeat)  # noqa: FBT003


def _reverse(session: Session, had_happened: bool) -> None:  # noqa: FBT001
    posted = ledger.reverse(session, "sale:1", new_key="sale:1:back", on=DAY, memo="came back")
    assert posted.is_new is not had_happened


def _post_many(drafts: list[Draft]) -> Callable[[Session, bool], None]:
    def repeat(session: Session, had_happened: bool) -> None:  # noqa: FBT001
        verdicts: list[EntryVerdict] = []
        with small_blocks():
            ledger.post_many(session, iter(drafts), carry_forward=True, on_verdict=verdicts.append)
        assert [verdict.outcome for verdict in verdicts] == [
            "same" if had_happened or draft.key == "held:1" else "posted" for draft in drafts
        ]

    return repeat


def _bulk(name: str, drafts: list[Draft]) -> Operation:
    repeat = _post_many(drafts)
    return Operation(name, hold_some, lambda session: repeat(session, False), repeat)  # noqa: FBT003


def _close(session: Session) -> None:
    closed = ledger.close_month(session, "aid", DAY, by="test", reason="all in")
    assert (closed.state, closed.entries) == ("closed", 2)


def _close_again(session: Session, had_happened: bool) -> None:  # noqa: FBT001
    if not had_happened:
        _close(session)
        return
    with pytest.raises(AlreadyClosed):
        ledger.close_month(session, "aid", DAY, by="test", reason="all in")


def _hold_a_sale(session: Session) -> None:
    hold_some(session)
    ledger.post(session, a_sale("sale:1", *THREE_LEGS))


def _wait_for_seals(session: Session) -> None:
    hold_some(session)
    ledger.seal(session)
    ledger.post(session, a_sale("sale:1"))
    ledger.post_many(session, [a_sale(f"sale:{number}") for number in range(2, 9)])


def _seal(session: Session) -> None:
    # Seven wait as one range, which is cut.
    assert ledger.seal(session, limit=5).count == 5


def _seal_again(session: Session, had_happened: bool) -> None:  # noqa: FBT001
    if not had_happened:
        _seal(session)
    assert ledger.seal(session).count == 3
    assert ledger.seal(session).count == 0


def wide_draft(number: int, *, legs: int) -> Draft:
    """Make a draft whose lines have some 1,700 bytes each, so that four of them go on a page."""
    source = "".join(chr(0x20000 + number * 101) for number in range(200))
    kinds = [f"kind_{number}" for number in range(legs // 2)]
    pairs = ((TIANJIN, LINTAO), (QINGDAO, MINXIAN))
    wide = [Leg(debit, credit, 1, kind) for kind in kinds for debit, credit in pairs]
    return Draft("aid", f"wide:{number}:{source[:190]}", DAY, source, tuple(wide), memo="m" * 500)


OPERATIONS = [
    _posting("post", a_sale("sale:1", *THREE_LEGS)),
    _posting("post carried forward", a_sale("sale:1", *THREE_LEGS, on=AUGUST), carry_forward=True),
    _bulk("post_many", BULK),
    Operation("reverse", _hold_a_sale, lambda session: _reverse(session, False), _reverse),  # noqa: FBT003
    Operation("close_month", _hold_a_sale, _close, _close_again),
    Operation("seal", _wait_for_seals, _seal, _seal_again),
]
BY_NAME = {operation.name: operation for operation in OPERATIONS}
WIDE_BULK = _bulk("post_many of 17 MB", [*BULK, *(wide_draft(number, legs=4_200) for number in range(2))])
LONG_BULK = _bulk("post_many of 300 kB", [*BULK, wide_draft(1, legs=200)])
