"""Jobs that write: posters of every kind, and one who takes a long time to commit."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random

from psycopg.errors import DeadlockDetected
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

import ledger
from ledger import Draft, KeyReused, LedgerError, Leg, PeriodClosed
from tests.concurrency.crew import Post

FIRST_DAY = date(2021, 8, 1)
OPEN_DAY = date(2021, 12, 24)  # in a month that nobody closes
PARTNERS = [ledger.partner_account("120000", "direct", "canteen"), ledger.partner_account("C-x", "assisted", "live")]
COUNTIES = [ledger.county_account("621102", "produce"), ledger.county_account("621124", "herb")]
SHARED_KEYS = 60


@dataclass
class Tally:
    """What a job has brought about, counted when it was committed."""

    posted_fen: dict[str, int] = field(default_factory=dict)
    reversed_fen: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)


def a_draft(key: str, rng: Random, *, owner: str = "") -> Draft:
    """Make a draft between hot accounts; one leg in four goes through an account of the owner's."""
    day = FIRST_DAY + timedelta(days=rng.randrange(92))
    if rng.random() < 0.2:
        return Draft("cash", key, day, key, (Leg("asset:bank:CCB", "liability:prepaid", rng.randint(1, 999), "sale"),))
    mine = f"partner:C-{owner}-{rng.randrange(9)}:direct:canteen" if owner else PARTNERS[0]
    pairs = {(rng.choice([*PARTNERS, mine]), rng.choice(COUNTIES)) for _ in range(rng.randint(1, 3))}
    return Draft("aid", key, day, key, tuple(Leg(*pair, rng.randint(1, 999), "sale") for pair in sorted(pairs)))


def a_shared_draft(number: int, *, is_changed: bool) -> Draft:
    """Make a draft that several writers post: the same for all, or changed."""
    draft = a_draft(f"shared:{number}", Random(number))  # noqa: S311 -- the same for all writers
    return replace(draft, memo="another") if is_changed else draft


def the_first() -> Draft:
    """Make a draft that uses all accounts that are hot."""
    legs = tuple(Leg(partner, county, 1, "sale") for partner in PARTNERS for county in COUNTIES)
    return Draft("aid", "first", OPEN_DAY, "first", legs)


def amount_fen(draft: Draft) -> int:
    """Give what a draft adds to the book of assistance."""
    return sum(leg.amount_fen for leg in draft.legs) if draft.book == "aid" else 0


@dataclass(frozen=True)
class Writer:
    """A process that posts, posts many, reverses, and rolls back."""

    number: int
    rounds: int

    def __call__(self, post: Post) -> Tally:
        """Do all rounds, one after the other."""
        return _Writing(self.number).all(post, self.rounds)


class _Writing:
    def __init__(self, number: int) -> None:
        self.name = f"w{number}"
        self.rng = Random(number)  # noqa: S311 -- so that a run can be repeated
        self.tally = Tally()
        self.drafts = 0

    def all(self, post: Post, rounds: int) -> Tally:
        actions: list[Callable[[Session], None]] = [self.post, self.post_many, self.reverse, self.several]
        for _ in post.rounds(rounds):
            with Session(post.engine) as session:
                self.rng.choices(actions, [5, 2, 4, 1])[0](session)
        return self.tally

    def draft(self) -> Draft:
        """Make a draft of one's own, or one that others post too."""
        if self.rng.random() < 0.4:
            return a_shared_draft(self.rng.randrange(SHARED_KEYS), is_changed=self.rng.random() < 0.1)
        self.drafts += 1
        return a_draft(f"{self.name}:{self.drafts}", self.rng, owner=self.name)

    def post(self, session: Session) -> None:
        draft = self.draft()
        try:
            is_new = ledger.post(session, draft, by=self.name, carry_forward=self.rng.random() < 0.3).is_new
        except PeriodClosed:
            session.rollback()
            self.refused(session, draft.key)
        except KeyReused:
            self.tally.outcomes["conflicting"] += 1
        else:
            session.commit()
            self.posted([draft] if is_new else [])
            self.tally.outcomes["posted" if is_new else "same"] += 1

    def post_many(self, session: Session) -> None:
        drafts = [self.draft() for _ in range(self.rng.randint(2, 20))]
        outcomes: list[str] = []
        counts = ledger.post_many(
            session,
            drafts,
            by=self.name,
            carry_forward=self.rng.random() < 0.5,
            on_verdict=lambda verdict: outcomes.append(verdict.outcome),
        )
        session.commit()
        self.posted([draft for draft, outcome in zip(drafts, outcomes, strict=True) if outcome == "posted"])
        assert counts.posted == outcomes.count("posted")
        self.tally.outcomes.update(outcomes)

    def several(self, session: Session) -> None:
        """Post a few in one transaction, and roll every third back. Such a one may lose a deadlock."""
        drafts = [self.draft() for _ in range(3)]
        new = []
        try:
            for draft in drafts:
                try:
                    new += [draft] if ledger.post(session, draft, by=self.name).is_new else []
                except (PeriodClosed, KeyReused):
                    self.tally.outcomes["not in a transaction"] += 1
        except OperationalError as error:
            if not isinstance(error.orig, DeadlockDetected):
                raise
            self.tally.outcomes["deadlock"] += 1
            return
        if self.rng.random() < 0.3:
            session.rollback()
            return
        session.commit()
        self.posted(new)

    def reverse(self, session: Session) -> None:
        """Take back a part or all of something, often of what others take back at the same time."""
        keys = list(self.tally.posted_fen)
        key = self.rng.choice(keys) if keys and self.rng.random() < 0.3 else f"shared:{self.rng.randrange(SHARED_KEYS)}"
        new_key = f"{key}:back:{self.rng.randrange(4)}"
        original = ledger.find(session, key)
        if original is None:
            return
        row = original.transfers[0]
        parts = {(row.debit_account, row.credit_account): self.rng.randint(1, 200)} if new_key[-1] in "01" else None
        try:
            day = FIRST_DAY + timedelta(days=self.rng.randrange(92))
            posted = ledger.reverse(session, key, new_key=new_key, on=day, parts=parts, carry_forward=True)
        except LedgerError as error:
            self.tally.outcomes[type(error).__name__] += 1
            return
        mirror = ledger.find(session, new_key)
        session.commit()
        if posted.is_new and mirror is not None:
            taken_fen = sum(row.amount_fen for row in mirror.transfers) if mirror.book == "aid" else 0
            self.tally.reversed_fen[new_key] = taken_fen
        self.tally.outcomes["reversed" if posted.is_new else "reversed before"] += 1

    def posted(self, drafts: Sequence[Draft]) -> None:
        self.tally.posted_fen.update({draft.key: amount_fen(draft) for draft in drafts})

    def refused(self, session: Session, key: str) -> None:
        """Look whether what was refused is really not there; others may have posted what is shared."""
        self.tally.outcomes["refused"] += 1
        if not key.startswith("shared:"):
            assert ledger.find(session, key) is None
            self.tally.refused.append(key)


@dataclass(frozen=True)
class LateWriter:
    """A process that commits each entry only when one that was posted after it has its seal."""

    rounds: int

    def __call__(self, post: Post) -> Tally:
        """Do all rounds, one after the other."""
        tally = Tally()
        for number in post.rounds(self.rounds):
            late, soon = (
                Draft("aid", f"{name}:{number}", OPEN_DAY, name, (Leg(PARTNERS[0], COUNTIES[0], 7, "sale"),))
                for name in ("late", "soon")
            )
            with Session(post.engine) as held, Session(post.engine) as other:
                first = ledger.post(held, late).entry_id
                second = ledger.post(other, soon).entry_id
                other.commit()
                assert first < second
                while not other.scalar(_IS_SEALED, {"id": second}):
                    other.rollback()
                    post.check_time()
                held.commit()
            tally.posted_fen.update({draft.key: amount_fen(draft) for draft in (late, soon)})
        return tally


_IS_SEALED = text("SELECT EXISTS (SELECT FROM ledger_seal WHERE fact_id = :id)")
