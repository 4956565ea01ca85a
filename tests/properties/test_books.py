"""Whatever is posted, taken back, closed, opened and sealed in any order, the books say what the model says."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session

import ledger
from ledger import AlreadyClosed, BulkRefused, Draft, LedgerError, Leg, NotClosed, UnknownOrigin
from ledger.posting import bulk
from tests.conftest import DatabaseUrls
from tests.ledger.databases import empty_out, make_books
from tests.profile import IS_NIGHTLY
from tests.properties import agreement
from tests.properties.model import REFUSALS, Model, Pair, Refused, next_month

DAYS = [date(2021, 8, 31), date(2021, 9, 1), date(2021, 9, 30), date(2021, 10, 8)]
MONTHS = [date(2021, 8, 1), date(2021, 9, 1), date(2021, 10, 1)]
PARTNERS = [ledger.partner_account("120000", "direct", "canteen"), ledger.partner_account("C-x", "assisted", "live")]
COUNTIES = [
    ledger.county_account(*place) for place in (("621102", "produce"), ("621124", "herb"), ("unknown", "grain"))
]
MONEY = ["asset:clearing:stripe", "liability:prepaid", "income:freight"]
PEOPLE = ["system", "财务"]

amounts = st.integers(1, 5) | st.integers(1, 10**15)
kinds = st.sampled_from(["sale", "sale_unpaired"])
aid_legs = st.builds(Leg, st.sampled_from(PARTNERS), st.sampled_from(COUNTIES), amounts, kinds)
cash_legs = st.permutations(MONEY).flatmap(
    lambda pair: st.builds(Leg, st.just(pair[0]), st.just(pair[1]), amounts, kinds)
)
days = st.sampled_from(DAYS)
books = st.sampled_from(agreement.BOOKS)
months = st.sampled_from(MONTHS)
people = st.sampled_from(PEOPLE)
which = st.integers(0, 99)
choices = st.booleans()


def _legs(legs: st.SearchStrategy[Leg]) -> st.SearchStrategy[tuple[Leg, ...]]:
    unique = st.lists(legs, min_size=1, max_size=3, unique_by=lambda leg: (leg.debit, leg.credit, leg.kind))
    return unique.map(tuple)


Body = tuple[str, date, tuple[Leg, ...]]
bodies = st.tuples(st.just("aid"), days, _legs(aid_legs)) | st.tuples(st.just("cash"), days, _legs(cash_legs))


@dataclass(frozen=True)
class Known:
    """A draft of a bulk whose key was used: by an entry, or by a draft before it; unchanged, with a memo or a day."""

    which: int
    memo: str
    on: date | None


known = st.builds(Known, which, st.sampled_from(["", "another"]), st.none() | days)


@dataclass(frozen=True)
class Manner:
    """How a bulk is posted."""

    all_or_nothing: bool
    carry_forward: bool
    block: int


manners = st.builds(Manner, choices, choices, st.sampled_from([1, 3, 100]))


class Books(RuleBasedStateMachine):
    """The ledger beside the model: every rule does the same to both."""

    def __init__(self, engines: tuple[Engine, Engine]) -> None:
        """Begin with empty books."""
        super().__init__()
        application, superuser = engines
        empty_out(superuser)
        self.session = Session(application)
        self.model = Model()
        self.saved: Model | None = None
        self.memories: list[tuple[datetime, Model]] = []
        self.keys = 0
        self.steps = 0

    def teardown(self) -> None:
        """Verify what is left, and let go of the database."""
        with self.session as session:
            session.rollback()
            assert ledger.verify(session).problems == []

    def draft(self, body: Body) -> Draft:
        """Make a draft with a key that nobody has used."""
        self.keys += 1
        book, on, legs = body
        return Draft(book, f"entry:{self.keys}", on, f"order:{self.keys % 3}", legs)

    def entry(self, number: int, *, is_mirror: bool = False) -> Draft | None:
        """Choose the draft of an entry."""
        found = [one.draft for one in self.model.entries.values() if (one.reverses is not None) == is_mirror]
        return found[number % len(found)] if found else None

    def begun(self, number: int) -> Draft | None:
        """Choose, every second time, the draft of an entry of which a part was taken back."""
        keys = {one.reverses for one in self.model.entries.values() if one.reverses and number % 2}
        found = [self.model.entries[key].draft for key in sorted(keys) if any(self.model.left(key).values())]
        return found[number % len(found)] if found else None

    def done(self) -> None:
        """Commit, unless a transaction goes on."""
        if self.saved is None:
            self.session.commit()

    def post_one(self, draft: Draft, *, by: str, carry_forward: bool) -> None:
        """Post a draft here and there."""
        outcome = self.model.post(draft, by=by, carry_forward=carry_forward)
        with _refusal(REFUSALS.get(outcome)):
            posted = ledger.post(self.session, draft, by=by, carry_forward=carry_forward)
            assert posted.is_new == (outcome == "posted")
        self.done()

    @initialize(items=st.lists(bodies, min_size=3, max_size=5), number=which)
    def have_some(self, items: Sequence[Body], number: int) -> None:
        """Post some, and take a little of one back, so that every later step finds something."""
        for item in items:
            self.post_one(self.draft(item), by="system", carry_forward=False)
        original = self.draft(items[number % len(items)])
        self.post_one(original, by="system", carry_forward=False)
        self.take_back(
            original, new_key="mirror:0", on=DAYS[2], parts=_parts(original, 1, with_second=False), carry_forward=False
        )

    @rule(body=bodies, by=people, carry_forward=choices)
    def post(self, body: Body, by: str, *, carry_forward: bool) -> None:
        """Post something new."""
        self.post_one(self.draft(body), by=by, carry_forward=carry_forward)

    @rule(number=which, change=known, by=people, carry_forward=choices)
    def post_again(self, number: int, change: Known, by: str, *, carry_forward: bool) -> None:
        """Post an entry again, as it was or with another memo or day."""
        draft = self.entry(number)
        if draft is not None:
            self.post_one(_changed(draft, change), by=by, carry_forward=carry_forward)

    @rule(items=st.lists(bodies | known, max_size=6), by=people, manner=manners)
    def post_many(self, items: Sequence[Body | Known], by: str, manner: Manner) -> None:
        """Post new, repeated and conflicting drafts together."""
        drafts = list(self.drafts(items))
        after = self.model.copy()
        outcomes = [after.post(draft, by=by, carry_forward=manner.carry_forward) for draft in drafts]
        is_bad = bool(set(outcomes) & REFUSALS.keys())
        verdicts: list[tuple[int, str, str]] = []
        with pytest.MonkeyPatch.context() as patch, _refusal(BulkRefused if is_bad and manner.all_or_nothing else None):
            patch.setattr(bulk, "DRAFTS_PER_BLOCK", manner.block)
            counts = ledger.post_many(
                self.session,
                drafts,
                by=by,
                carry_forward=manner.carry_forward,
                all_or_nothing=manner.all_or_nothing,
                on_verdict=lambda one: verdicts.append((one.number, one.key, one.outcome)),
            )
            assert [counts.posted, counts.same, counts.conflicting, counts.refused] == [
                outcomes.count(outcome) for outcome in ("posted", "same", "conflicting", "refused")
            ]
            self.model = after
        assert verdicts == [
            (number, draft.key, outcome)
            for number, (draft, outcome) in enumerate(zip(drafts, outcomes, strict=True), start=1)
        ]
        self.done()

    def drafts(self, items: Sequence[Body | Known]) -> Iterator[Draft]:
        """Make the drafts of a bulk."""
        mine: list[Draft] = []
        for item in items:
            if not isinstance(item, Known):
                mine.append(self.draft(item))
                yield mine[-1]
                continue
            found = mine[item.which % len(mine)] if mine and item.which % 2 else self.entry(item.which)
            if found is not None:
                yield _changed(found, item)

    @rule(items=st.lists(bodies, min_size=1, max_size=3))
    def break_off(self, items: Sequence[Body]) -> None:
        """Begin a bulk whose source breaks: it leaves nothing."""

        def source() -> Iterator[Draft]:
            yield from self.drafts(items)
            raise EOFError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bulk, "DRAFTS_PER_BLOCK", 2)
            with pytest.raises(EOFError):
                ledger.post_many(self.session, source(), carry_forward=True)
        self.done()

    @rule(
        number=which,
        of_mirror=choices,
        on=days,
        part_fen=st.none() | st.integers(1, 3) | amounts,
        with_second=choices,
        carry_forward=choices,
    )
    def reverse(
        self, number: int, on: date, part_fen: int | None, *, of_mirror: bool, with_second: bool, carry_forward: bool
    ) -> None:
        """Take back what is left of an entry, or a part of its first pair and perhaps all of its last one."""
        original = self.begun(number) or self.entry(number, is_mirror=of_mirror and number % 5 == 0)
        if original is None:
            return
        self.keys += 1
        self.take_back(
            original,
            new_key=f"mirror:{self.keys}",
            on=on,
            parts=_parts(original, part_fen, with_second=with_second),
            carry_forward=carry_forward,
        )

    @rule(number=which, change=st.none() | days | amounts, carry_forward=choices)
    def reverse_again(self, number: int, change: date | int | None, *, carry_forward: bool) -> None:
        """Ask for a mirror again, as it was, on another day or with another amount."""
        mirror = self.entry(number, is_mirror=True)
        if mirror is None:
            return
        original = self.model.entries[self.model.entries[mirror.key].reverses or ""].draft
        parts: dict[Pair, int] = {}
        for leg in mirror.legs:
            pair = (leg.credit, leg.debit)
            parts[pair] = parts.get(pair, 0) + leg.amount_fen
        if isinstance(change, int):
            parts[next(iter(parts))] = change
        on = change if isinstance(change, date) else mirror.effective_on
        self.take_back(original, new_key=mirror.key, on=on, parts=parts, carry_forward=carry_forward)

    def take_back(
        self, original: Draft, *, new_key: str, on: date, parts: dict[Pair, int] | None, carry_forward: bool
    ) -> None:
        """Reverse here and there."""
        outcome, error = "", None
        try:
            taken = self.model.taken(original.key, parts, new_key=new_key)
        except Refused as refused:
            error = refused.error
        else:
            legs = tuple(Leg(credit, debit, fen, kind) for (debit, credit, kind), fen in taken.items())
            identifier = ledger.find(self.session, original.key).id  # type: ignore[union-attr]  # it was posted
            mirror = Draft(original.book, new_key, on, original.source, legs, "退货", identifier)
            outcome = self.model.post(mirror, by="system", carry_forward=carry_forward, reverses=original.key)
            error = REFUSALS.get(outcome)
        with _refusal(error):
            posted = ledger.reverse(
                self.session,
                original.key,
                new_key=new_key,
                on=on,
                memo="退货",
                parts=parts,
                carry_forward=carry_forward,
            )
            assert posted.is_new == (outcome == "posted")
        self.done()

    @rule(book=books, month=months, by=people)
    def close(self, book: str, month: date, by: str) -> None:
        """Close a month, unless it is closed or has gone to nobody knows where."""
        error: type[LedgerError] | None = None
        if self.model.is_closed(book, month):
            error = AlreadyClosed
        elif book == "aid" and self.model.unknown(next_month(month)):
            error = UnknownOrigin
        else:
            self.model.close(book, month, by=by, reason="")
        with _refusal(error):
            ledger.close_month(self.session, book, month.replace(day=17), by=by)
        self.done()

    @rule(book=books, month=months, by=people)
    def reopen(self, book: str, month: date, by: str) -> None:
        """Open a month, if it is closed."""
        is_closed = self.model.is_closed(book, month)
        if is_closed:
            self.model.reopen(book, month, by=by, reason="错账")
        with _refusal(None if is_closed else NotClosed):
            ledger.reopen_month(self.session, book, month, by=by, reason="错账")
        self.done()

    @rule(limit=st.integers(1, 4) | st.just(10_000))
    def seal(self, limit: int) -> None:
        """Seal some."""
        count = self.model.seal(limit)
        sealed = ledger.seal(self.session, limit=limit)
        assert (sealed.count, sealed.seq) == (count, self.model.sealed)
        self.done()

    @precondition(lambda self: self.saved is None)
    @rule()
    def begin(self) -> None:
        """Begin a transaction of several steps."""
        self.saved = self.model.copy()

    @precondition(lambda self: self.saved is not None)
    @rule(is_kept=choices)
    def end(self, *, is_kept: bool) -> None:
        """Commit the transaction, or roll it back."""
        if is_kept:
            self.session.commit()
        else:
            self.session.rollback()
            self.model = self.saved or self.model
        self.saved = None

    @precondition(lambda self: self.saved is None)
    @rule()
    def remember(self) -> None:
        """Keep in mind what the books say now."""
        now = self.session.scalars(select(func.clock_timestamp())).one()
        self.session.commit()
        self.memories.append((now, self.model.copy()))

    @invariant()
    def agree(self) -> None:
        """Compare everything."""
        self.steps += 1
        agreement.check_accounts(self.session, self.model)
        agreement.check_totals(self.session, self.model, self.steps)
        agreement.check_transfers(self.session, self.model)
        agreement.check_periods(self.session, self.model)
        agreement.check_seals(self.session, self.model)
        codes = self.model.accounts("aid") + self.model.accounts("cash")
        if codes:
            since = [None, *DAYS][self.steps % 5]
            agreement.check_pages(self.session, self.model, codes[self.steps % len(codes)], since=since)
        if self.memories:
            known_at, model = self.memories[self.steps % len(self.memories)]
            agreement.check_known(self.session, model, known_at)
        if IS_NIGHTLY or self.steps % 10 == 0:
            assert ledger.verify(self.session).problems == []
            assert ledger.verify(self.session, since=self.model.sealed // 2).problems == []
        if self.saved is None:
            self.session.rollback()


@contextmanager
def _refusal(error: type[LedgerError] | None) -> Iterator[None]:
    """Expect an error, or none."""
    if error is None:
        yield
        return
    with pytest.raises(error):
        yield


def _changed(draft: Draft, change: Known) -> Draft:
    return replace(draft, memo=change.memo, effective_on=change.on or draft.effective_on)


def _parts(original: Draft, part_fen: int | None, *, with_second: bool) -> dict[Pair, int] | None:
    if part_fen is None:
        return None
    first, last = original.legs[0], original.legs[-1]
    parts = {(first.debit, first.credit): part_fen}
    if with_second:
        parts.setdefault((last.debit, last.credit), last.amount_fen)
    return parts


@pytest.fixture(scope="module")
def engines(new_database: Callable[[str], DatabaseUrls]) -> Iterator[tuple[Engine, Engine]]:
    """Return engines of the application's role, and of the superuser, who empties the books."""
    urls = new_database("properties")
    make_books(urls.owner, role="ganwei_app")
    made = create_engine(urls.app), create_engine(urls.superuser)
    yield made
    for engine in made:
        engine.dispose()


def test_the_books_agree_with_the_model(engines: tuple[Engine, Engine]) -> None:
    class OurBooks(Books):
        def __init__(self) -> None:
            super().__init__(engines)

    run_state_machine_as_test(
        OurBooks,
        settings=settings(
            max_examples=100 if IS_NIGHTLY else 4,
            stateful_step_count=40 if IS_NIGHTLY else 25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
