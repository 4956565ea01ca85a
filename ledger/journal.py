"""Drafts of entries: everything that can be checked about an entry without a database."""

import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import count
from uuid import UUID

from ledger import chart
from ledger.errors import InvalidDraft

MAX_AMOUNT_FEN = 10**15
MAX_LEGS = 10_000
# An entry's id ends in this many zero bits; leg n of it (from 1) has the id of the entry plus n.
LEG_BITS = 16

_KIND = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
# One line, no control character, no lone surrogate, and no blank at either end.
_NAME = re.compile(
    r"[^\s\x00-\x1f\x7f\ud800-\udfff](?:[^\x00-\x1f\x7f\ud800-\udfff]{0,198}[^\s\x00-\x1f\x7f\ud800-\udfff])?"
)
_NAME_RULE = "must be 1 to 200 characters on one line, without blanks at its ends"
_MEMO = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]{0,500}")


def field_bytes(value: bytes) -> bytes:
    """Put a field's length in bytes before it, so that no two lists of fields give the same bytes."""
    return len(value).to_bytes(4) + value


def _fresh_field(value: str) -> bytes:
    return field_bytes(value.encode())


# Most fields come again and again: books, days, accounts, kinds, empty memos.
_field = lru_cache(maxsize=1 << 14)(_fresh_field)
_PAYLOAD_VERSION = _field("ganwei.ledger.entry.v1")


def uuid7() -> UUID:
    """Make a UUID of version 7 (RFC 9562): milliseconds, a 12-bit fraction of them, 62 random bits.

    Ids made one after another by one process sort by the time at which they were made, to a quarter of a microsecond.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = (nanoseconds << 12) // 1_000_000
    random_bits = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random_bits)


def entry_id() -> UUID:
    """Make the id of a new entry, with room for the numbers of its legs."""
    return UUID(int=uuid7().int >> LEG_BITS << LEG_BITS)


def entry_ids() -> Iterator[int]:
    """Count up from the id of a new entry, for many at once: each is later than the one before."""
    room = ~(1 << 61)  # clears the highest random bit, so that counting does not reach the version
    return count(entry_id().int & room, 1 << LEG_BITS)


def transfer_id(entry: UUID, number: int) -> UUID:
    """Derive the id of an entry's leg; legs are numbered from 1 in the order of the draft."""
    return UUID(int=entry.int + number)


@dataclass(frozen=True, slots=True)
class Leg:
    """One future transfer. The draft that holds it checks it."""

    debit: str
    credit: str
    amount_fen: int
    kind: str


@dataclass(frozen=True)
class Draft:
    """An entry before it is posted; one that exists is valid.

    Args:
        book: "aid" or "cash".
        key: the caller's idempotency key, at most 200 characters on one line.
        effective_on: the business date in Asia/Shanghai, by which the entry counts.
        source: the document behind the entry, such as "order:7KQ2"; the same shape as a key.
        legs: at least one; (debit, credit, kind) is unique among them.
        memo: free text, at most 500 characters.
        reverses: the id of the entry of which this is a mirror; only `ledger.reverse` sets it.

    Raises:
        InvalidDraft: a field breaks its rule.
        AccountShapeError: an account is not legal in the book.
    """

    book: str
    key: str
    effective_on: date
    source: str
    legs: tuple[Leg, ...]
    memo: str = ""
    reverses: UUID | None = None

    def __post_init__(self) -> None:
        """Refuse whatever the books must not hold."""
        if self.book not in chart.BOOKS:
            raise InvalidDraft("book", self.book, f"must be one of {', '.join(chart.BOOKS)}")
        _check_text("key", self.key, _NAME, _NAME_RULE)
        _check_text("source", self.source, _NAME, _NAME_RULE)
        _check_text("memo", self.memo, _MEMO, "at most 500 characters, no control characters")
        _check_day(self.effective_on)
        _check_legs(self.legs)
        for leg in self.legs:
            self._check_leg(leg)

    def _check_leg(self, leg: Leg) -> None:
        amount_fen = leg.amount_fen
        # True is an int to Python, and no amount.
        if type(amount_fen) is not int or not 0 < amount_fen <= MAX_AMOUNT_FEN:
            raise InvalidDraft("amount_fen", amount_fen, f"must be an int, 1 to {MAX_AMOUNT_FEN}")
        _check_text("kind", leg.kind, _KIND, "must be at most 64 lower case letters, digits and _")
        problem = chart.check_transfer(
            chart.parse(self.book, leg.debit),
            chart.parse(self.book, leg.credit),
            is_mirror=self.reverses is not None,
        )
        if problem is not None:
            raise InvalidDraft("leg", (leg.debit, leg.credit), problem)

    @property
    def payload(self) -> bytes:
        """Everything that the entry says, in canonical bytes.

        Fixed field order, every field with its length before it, a version in front. The order of the legs does not
        matter, so they are sorted. Who posted it and when is no part of it: a repeat comes later, perhaps by another.
        """
        fields = [
            _PAYLOAD_VERSION,
            _field(self.book),
            _fresh_field(self.key),
            _field(self.effective_on.isoformat()),
            _fresh_field(self.source),
            _field(self.memo),
            _field("" if self.reverses is None else self.reverses.hex),
            _field(str(len(self.legs))),
        ]
        for leg in self.legs if len(self.legs) == 1 else sorted(self.legs, key=_order):
            fields += (_field(leg.debit), _field(leg.credit), _fresh_field(str(leg.amount_fen)), _field(leg.kind))
        return b"".join(fields)

    @property
    def payload_hash(self) -> bytes:
        """The SHA-256 of the payload."""
        return hashlib.sha256(self.payload).digest()


def _order(leg: Leg) -> tuple[str, str, str]:
    return leg.debit, leg.credit, leg.kind


def _check_text(field: str, value: object, shape: re.Pattern[str], reason: str) -> None:
    if not isinstance(value, str) or shape.fullmatch(value) is None:
        raise InvalidDraft(field, value, reason)


def _check_day(value: object) -> None:
    # A datetime is a date to Python, but its day depends on a time zone.
    if isinstance(value, datetime) or not isinstance(value, date):
        raise InvalidDraft("effective_on", value, "must be a date without a time")


def _check_legs(legs: object) -> None:
    if not isinstance(legs, tuple) or not 1 <= len(legs) <= MAX_LEGS:
        raise InvalidDraft("legs", legs, f"must be a tuple of 1 to {MAX_LEGS} legs")
    if len(legs) > 1 and len({_order(leg) for leg in legs}) < len(legs):
        raise InvalidDraft("legs", legs, "two legs have the same accounts and kind")
