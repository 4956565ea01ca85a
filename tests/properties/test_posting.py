"""Whatever is posted, repeated and reversed in any order, the books say what a plain list of transfers says."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

import ledger
from ledger import AlreadyReversed, Draft, KeyReused, Leg, ReversalTooLarge
from tests.conftest import DatabaseUrls
from tests.ledger.databases import empty_out, make_books

DAYS = [date(2021, 9, 30) + timedelta(days=n) for n in range(3)]
PARTNERS = [ledger.partner_account("120000", "direct", "canteen"), ledger.partner_account("C-x", "assisted", "live")]
COUNTIES = [ledger.county_account("621102", "produce"), ledger.county_account("unknown", "grain")]
MONEY = ["asset:clearing:stripe", "asset:bank:CCB", "liability:prepaid", "income:freight"]

amounts = st.integers(1, 5) | st.integers(1, 10**15)
kinds = st.sampled_from(["sale", "sale_unpaired"])
aid_legs = st.builds(Leg, st.sampled_from(PARTNERS), st.sampled_from(COUNTIES), amounts, kinds)
cash_legs = st.builds(Leg, st.sampled_from(MONEY), st.sampled_from(MONEY), amounts, kinds).filter(
    lambda leg: leg.debit != leg.credit
)
days = st.sampled_from(DAYS)


def _legs(legs: st.SearchStrategy[Leg]) -> st.SearchStrategy[tuple[Leg, ...]]:
    unique = st.lists(legs, min_size=1, max_size=4, unique_by=lambda leg: (leg.debit, leg.credit, leg.kind))
    return unique.map(tuple)


bodies = st.tuples(st.just("aid"), days, _legs(aid_legs)) | st.tuples(st.just("cash"), days, _legs(cash_legs))


@dataclass(frozen=True)
class Post:
    """Post a new entry, alone or in bulk."""

    body: tuple[str, date, tuple[Leg, ...]]
    is_bulk: bool


@dataclass(frozen=True)
class Repeat:
    """Post an earlier entry again, unchanged or with another amount."""

    which: int
    is_changed: bool


@dataclass(frozen=True)
class Reverse:
    """Reverse an earlier entry, in full, or the given amount between the accounts of its first leg."""

    which: int
    on: date
    part_fen: int | None
    is_repeated: bool


which = st.integers(0, 100)
actions = st.lists(
    st.builds(Post, bodies, st.booleans())
    | st.builds(Repeat, which, st.booleans())
    | st.builds(Reverse, which, days, st.none() | amounts, st.booleans()),
    max_size=15,
)


@dataclass
class Model:
    """The books in plain Python."""

    drafts: list[Draft] = field(default_factory=list)
    left: list[dict[tuple[str, str, str], int]] = field(default_factory=list)
    transfers: list[tuple[str, str, int, date]] = field(default_factory=list)

    def post(self, draft: Draft) -> None:
        """Take an entry in."""
        self.drafts.append(draft)
        self.left.append({(leg.debit, leg.credit, leg.kind): leg.amount_fen for leg in draft.legs})
        self.transfers += [(leg.debit, leg.credit, leg.amount_fen, draft.effective_on) for leg in draft.legs]

    def reverse(self, number: int, on: date, part_fen: int | None) -> None:
        """Take back what is left, or a part of what is left between the first leg's accounts."""
        first = self.drafts[number].legs[0]
        for (debit, credit, kind), left_fen in self.left[number].items():
            if part_fen is None:
                taken_fen = left_fen
            elif (debit, credit) == (first.debit, first.credit):
                taken_fen = min(part_fen, left_fen)
                part_fen -= taken_fen
            else:
                continue
            if taken_fen:
                self.left[number][debit, credit, kind] -= taken_fen
                self.transfers.append((credit, debit, taken_fen, on))

    def net(self, book: str) -> dict[str, int]:
        """Sum each account of a book: debits minus credits."""
        nets: dict[str, int] = defaultdict(int)
        for debit, credit, amount_fen, _ in self.transfers:
            if (debit in MONEY) == (book == "cash"):
                nets[debit] += amount_fen
                nets[credit] -= amount_fen
        return nets


@pytest.fixture(scope="module")
def engines(new_database: Callable[[str], DatabaseUrls]) -> Iterator[tuple[Engine, Engine]]:
    """Return engines of the application's role, and of the superuser, who empties the books."""
    urls = new_database("properties")
    make_books(urls.owner, role="ganwei_app")
    made = create_engine(urls.app), create_engine(urls.superuser)
    yield made
    for engine in made:
        engine.dispose()


def _post(session: Session, model: Model, action: Post) -> None:
    book, on, legs = action.body
    draft = Draft(book, f"entry:{len(model.drafts)}", on, "property", legs)
    if action.is_bulk:
        assert ledger.post_many(session, [draft, draft]).posted == 1
    else:
        assert ledger.post(session, draft).is_new
    model.post(draft)


def _repeat(session: Session, model: Model, action: Repeat) -> None:
    draft = model.drafts[action.which % len(model.drafts)]
    if not action.is_changed:
        assert not ledger.post(session, draft).is_new
        return
    with pytest.raises(KeyReused):
        ledger.post(session, replace(draft, memo="another"))


def _reverse(session: Session, model: Model, action: Reverse) -> None:
    number = action.which % len(model.drafts)
    draft, left = model.drafts[number], model.left[number]
    first = (draft.legs[0].debit, draft.legs[0].credit)
    parts = None if action.part_fen is None else {first: action.part_fen}
    key = f"mirror:{len(model.transfers)}"

    def attempt() -> bool:
        return ledger.reverse(session, draft.key, new_key=key, on=action.on, parts=parts).is_new

    if not any(left.values()):
        with pytest.raises(AlreadyReversed):
            attempt()
    elif action.part_fen and action.part_fen > sum(fen for leg, fen in left.items() if leg[:2] == first):
        with pytest.raises(ReversalTooLarge):
            attempt()
    else:
        assert attempt()
        if action.is_repeated:
            assert not attempt()
        model.reverse(number, action.on, action.part_fen)


def _compare(session: Session, model: Model) -> None:
    for book in ("aid", "cash"):
        nets = model.net(book)
        for row in ledger.accounts(session, book=book):
            debit_fen = nets.pop(row.code)
            sign = 1 if ledger.parse(book, row.code).is_debit_normal else -1
            assert row.balance_fen == ledger.balance(session, row.code) == sign * debit_fen
            assert ledger.statement(session, row.code, limit=1000).closing_fen == row.balance_fen
        assert not nets
    margins = {
        name: ledger.totals(session, book="aid", by=[name]).total_fen for name in ("partner", "county", "month", "side")
    }
    given = sum(fen for code, fen in model.net("aid").items() if code in PARTNERS)
    assert set(margins.values()) == {given}
    assert ledger.totals(session, book="cash", by=["account"]).total_fen == 0
    listed = [
        (row.debit_account, row.credit_account, row.amount_fen, row.effective_on)
        for row in ledger.transfers(session, limit=1000).rows
    ]
    assert sorted(listed) == sorted(model.transfers)
    assert ledger.verify(session).problems == []


@settings(max_examples=40, deadline=None)
@given(actions=actions)
def test_the_books_agree_with_a_plain_list_of_transfers(
    engines: tuple[Engine, Engine], actions: list[Post | Repeat | Reverse]
) -> None:
    application, superuser = engines
    empty_out(superuser)
    model = Model()
    with Session(application) as session:
        for action in actions:
            if isinstance(action, Post):
                _post(session, model, action)
            elif model.drafts and isinstance(action, Repeat):
                _repeat(session, model, action)
            elif model.drafts and isinstance(action, Reverse):
                _reverse(session, model, action)
        _compare(session, model)
