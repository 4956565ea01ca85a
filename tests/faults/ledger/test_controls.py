"""Operations that are wrong on purpose, so that it is known that a part or a repetition would be found."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

import ledger
from tests.faults.ledger.breaks import Fault, Harm, When, break_off
from tests.faults.ledger.harness import Broken, Site
from tests.faults.ledger.operations import BY_NAME, THREE_LEGS, Operation, hold_some
from tests.faults.ledger.proxy import Message
from tests.ledger.factories import a_sale


def post_in_two(session: Session) -> None:
    """Post an entry, commit, and post what belongs to it after that."""
    ledger.post(session, a_sale("sale:1", *THREE_LEGS))
    session.commit()
    ledger.post(session, a_sale("sale:2"))


def post_without_a_key(session: Session) -> None:
    """Post an entry under another key each time."""
    number = session.execute(text("SELECT count(*) FROM ledger_entry")).scalar_one()
    ledger.post(session, a_sale(f"sale:{number}"))


def wrong(name: str, run: Callable[[Session], None]) -> Operation:
    """Make an operation that is repeated just as it was run."""
    return Operation(name, hold_some, run, lambda session, _: run(session))


def messages(points: list[Message], text: str) -> list[Message]:
    """Find what is sent to the server of statements that begin in some way."""
    return [point for point in points if point.to_server and point.text.startswith(text)]


class TestAnOperationInTwoTransactions:
    @pytest.mark.parametrize("harm", [Harm.CUT, Harm.END_BACKEND])
    def test_is_found_wherever_it_is_broken_off_between_them(self, site: Site, harm: Harm) -> None:
        operation = wrong("a post in two", post_in_two)
        points = site.learn(operation).points

        (second,) = messages(points, "BEGIN")[1:]
        with pytest.raises(Broken, match="a part has happened"):
            break_off(site, operation, Fault(harm, When.BEFORE, second))

    def test_is_not_blamed_for_a_fault_before_them(self, site: Site) -> None:
        operation = wrong("a post in two", post_in_two)
        begin = site.learn(operation).points[0]

        assert break_off(site, operation, Fault(Harm.CUT, When.BEFORE, begin)) is False


class TestAnOperationWithoutAKey:
    def test_is_found_when_the_answer_to_its_commit_is_lost(self, site: Site) -> None:
        operation = wrong("a post without a key", post_without_a_key)
        answer = next(point for point in site.learn(operation).points if point.is_commit and not point.to_server)

        with pytest.raises(Broken, match="repeating did not"):
            break_off(site, operation, Fault(Harm.CUT, When.BEFORE, answer))


class TestAnOperationThatSaysNothing:
    def test_has_no_message_at_which_it_could_be_broken_off(self, site: Site) -> None:
        with pytest.raises(AssertionError, match="no message"):
            site.learn(wrong("nothing", lambda _: None))


class TestAFaultThatDoesNotHappen:
    def test_is_found(self, site: Site) -> None:
        operation = BY_NAME["post"]
        last = site.learn(operation).points[-1]

        with pytest.raises(Broken, match="did not happen"):
            break_off(site, operation, Fault(Harm.CUT, When.BEFORE, replace(last, number=last.number + 1)))
