"""The books in plain Python: what was posted, how months stand, what is sealed. It knows no SQL and no hash."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from ledger import AlreadyReversed, Draft, KeyReused, LedgerError, NotReversible, PeriodClosed, ReversalTooLarge

Pair = tuple[str, str]
LegKey = tuple[str, str, str]
REFUSALS: dict[str, type[LedgerError]] = {"conflicting": KeyReused, "refused": PeriodClosed}


class Refused(Exception):
    """The ledger has to raise this error."""

    def __init__(self, error: type[LedgerError]) -> None:
        """Keep the class of the error."""
        super().__init__(error.__name__)
        self.error = error


def month_of(day: date) -> date:
    """Give the first day of a day's month."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    """Give the first day of the month after one."""
    return month_of(month + timedelta(days=31))


def prefecture_of(county: str) -> str:
    """Give the GB/T 2260 code of a county's prefecture."""
    return county if county == "unknown" else county[:4] + "00"


@dataclass(frozen=True)
class Move:
    """One transfer, as it counts."""

    book: str
    debit: str
    credit: str
    amount_fen: int
    kind: str
    day: date
    key: str

    def signed_fen(self, account: str) -> int:
        """Say what it does to an account: debits grow who helped, assets and expenses, credits the others."""
        grows_by_debit = account.partition(":")[0] in {"partner", "asset", "expense"}
        side = (self.debit == account) - (self.credit == account)
        return self.amount_fen * (side if grows_by_debit else -side)

    def cuts(self) -> Iterator[tuple[dict[str, str], int]]:
        """Give its value in each dimension of its book, and its amount there: one in `aid`, two in `cash`."""
        when = {"month": f"{self.day:%Y-%m}", "year": f"{self.day:%Y}"}
        if self.book == "cash":
            yield {"account": self.debit, **when}, self.amount_fen
            yield {"account": self.credit, **when}, -self.amount_fen
            return
        is_mirror = self.debit.startswith("county:")
        partner, county = (self.credit, self.debit) if is_mirror else (self.debit, self.credit)
        _, partner_code, mode, channel = partner.split(":")
        _, county_code, category = county.split(":")
        yield (
            {
                "partner": partner_code,
                "side": "central" if partner_code.startswith("C-") else "none" if partner_code == "none" else "eastern",
                "mode": mode,
                "channel": channel,
                "county": county_code,
                "prefecture": prefecture_of(county_code),
                "category": category,
                "pairing": "outside" if self.kind.endswith("_unpaired") else "inside",
                **when,
            },
            -self.amount_fen if is_mirror else self.amount_fen,
        )


@dataclass(frozen=True)
class Entry:
    """What was posted, the day on which it counts, who posted it, and the key of what it takes back."""

    draft: Draft
    counts_on: date
    by: str
    reverses: str | None = None

    def says(self) -> tuple[object, ...]:
        """Give all that makes a repeat a repeat."""
        draft = self.draft
        return (
            draft.book,
            draft.key,
            draft.effective_on,
            draft.source,
            draft.memo,
            self.reverses,
            Counter((leg.debit, leg.credit, leg.kind, leg.amount_fen) for leg in draft.legs),
        )


@dataclass(frozen=True)
class Turn:
    """A month was closed, with so many entries, or opened again."""

    state: str
    by: str
    reason: str
    entries: int | None


@dataclass
class Model:
    """The whole of it. Entries are in the order in which they were posted.

    `facts` names whatever wants a seal, in its order: entries by key, turns of months. The first `sealed` have one.
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    turns: dict[tuple[str, date], list[Turn]] = field(default_factory=dict)
    facts: list[str] = field(default_factory=list)
    sealed: int = 0
    heads: dict[int, bytes] = field(default_factory=dict)

    def copy(self) -> "Model":
        """Copy it, to go back to or to remember."""
        turns = {month: list(turns) for month, turns in self.turns.items()}
        return Model(dict(self.entries), turns, list(self.facts), self.sealed, dict(self.heads))

    def is_closed(self, book: str, month: date) -> bool:
        """Say how a month stands."""
        turns = self.turns.get((book, month), [])
        return bool(turns) and turns[-1].state == "closed"

    def counts_on(self, book: str, day: date, *, carry_forward: bool) -> date | None:
        """Give the day on which a fact counts, if it may."""
        month = month_of(day)
        if not self.is_closed(book, month):
            return day
        if not carry_forward:
            return None
        while self.is_closed(book, month):
            month = next_month(month)
        return month

    def post(self, draft: Draft, *, by: str, carry_forward: bool, reverses: str | None = None) -> str:
        """Post a draft if it can be, and say what becomes of it."""
        day = self.counts_on(draft.book, draft.effective_on, carry_forward=carry_forward)
        entry = Entry(draft, day or draft.effective_on, by, reverses)
        held = self.entries.get(draft.key)
        if held is not None:
            return "same" if held.says() == entry.says() else "conflicting"
        if day is None:
            return "refused"
        self.entries[draft.key] = entry
        self.facts.append(draft.key)
        return "posted"

    def left(self, key: str, *, except_key: str = "") -> dict[LegKey, int]:
        """Give what is left of an entry, leg by leg."""
        left = {(leg.debit, leg.credit, leg.kind): leg.amount_fen for leg in self.entries[key].draft.legs}
        for mirror in self.entries.values():
            if mirror.reverses == key and mirror.draft.key != except_key:
                for leg in mirror.draft.legs:
                    left[leg.credit, leg.debit, leg.kind] -= leg.amount_fen
        return left

    def taken(self, key: str, parts: Mapping[Pair, int] | None, *, new_key: str) -> dict[LegKey, int]:
        """Say what a reversal takes back of each leg.

        Raises:
            Refused: it must not.
        """
        if self.entries[key].reverses is not None:
            raise Refused(NotReversible)
        left = self.left(key, except_key=new_key)
        if not any(left.values()):
            raise Refused(AlreadyReversed)
        if parts is None:
            return {leg: fen for leg, fen in left.items() if fen}
        taken: dict[LegKey, int] = defaultdict(int)
        for pair, asked_fen in parts.items():
            legs = [leg for leg in left if leg[:2] == pair]
            if asked_fen > sum(left[leg] for leg in legs):
                raise Refused(ReversalTooLarge)
            open_fen = asked_fen
            for leg in legs:
                taken[leg] = min(open_fen, left[leg])
                open_fen -= taken[leg]
        return {leg: fen for leg, fen in taken.items() if fen}

    def seal(self, limit: int) -> int:
        """Seal the oldest facts that have no seal, and say how many."""
        count = min(limit, len(self.facts) - self.sealed)
        self.sealed += count
        return count

    def moves(self, book: str | None = None) -> list[Move]:
        """List all transfers, the oldest day first, then as they were posted, leg by leg."""
        moves = [
            Move(entry.draft.book, leg.debit, leg.credit, leg.amount_fen, leg.kind, entry.counts_on, entry.draft.key)
            for entry in self.entries.values()
            for leg in entry.draft.legs
            if book in {None, entry.draft.book}
        ]
        return sorted(moves, key=lambda move: move.day)

    def accounts(self, book: str) -> list[str]:
        """List the accounts that are used, in order."""
        moves = self.moves(book)
        return sorted({move.debit for move in moves} | {move.credit for move in moves})

    def unknown(self, until: date) -> list[str]:
        """List the accounts of counties that nobody has named and that are not zero before a day."""
        moves = [move for move in self.moves("aid") if move.day < until]
        codes = [code for code in self.accounts("aid") if code.startswith("county:unknown:")]
        return [code for code in codes if sum(move.signed_fen(code) for move in moves)]

    def close(self, book: str, month: date, *, by: str, reason: str) -> None:
        """Close a month with its entries counted."""
        held = [one for one in self.entries.values() if (one.draft.book, month_of(one.counts_on)) == (book, month)]
        self._turn(book, month, Turn("closed", by, reason, len(held)))

    def reopen(self, book: str, month: date, *, by: str, reason: str) -> None:
        """Open a month again."""
        self._turn(book, month, Turn("open", by, reason, None))

    def _turn(self, book: str, month: date, turn: Turn) -> None:
        turns = self.turns.setdefault((book, month), [])
        turns.append(turn)
        self.facts.append(f"{book} {month} {len(turns)}")
