"""The refusals of the ledger: one class for each, with its facts as attributes and an English message.

An expected refusal is a LedgerError. Anything else that escapes the ledger is a bug or a broken database.
"""

from collections.abc import Iterable, Sequence
from datetime import date


class LedgerError(Exception):
    """The ledger refuses; the subclass says why."""


class MoneyError(LedgerError):
    """A value is no exact amount of money, or cannot be split as asked."""

    def __init__(self, value: object, reason: str) -> None:
        """Keep the value that was refused and the reason."""
        super().__init__(f"{value!r}: {reason}")
        self.value = value
        self.reason = reason


class AccountShapeError(LedgerError):
    """A code is no legal account of its book."""

    def __init__(self, book: str, code: str, reason: str) -> None:
        """Keep the book, the code and the reason."""
        super().__init__(f"account {code!r} in book {book!r}: {reason}")
        self.book = book
        self.code = code
        self.reason = reason


class InvalidDraft(LedgerError):
    """A draft of an entry breaks a rule of the journal."""

    def __init__(self, field: str, value: object, reason: str) -> None:
        """Keep the field, its value and the reason."""
        super().__init__(f"{field} {value!r}: {reason}")
        self.field = field
        self.value = value
        self.reason = reason


class KeyReused(LedgerError):
    """The key already belongs to an entry with another payload."""

    def __init__(self, key: str) -> None:
        """Keep the key in conflict."""
        super().__init__(f"key {key!r} is already used by an entry with another payload")
        self.key = key


class EntryNotFound(LedgerError):
    """No entry has this key."""

    def __init__(self, key: str) -> None:
        """Keep the key that was looked for."""
        super().__init__(f"no entry has the key {key!r}")
        self.key = key


class NotReversible(LedgerError):
    """The entry is itself a reversal; post a new entry instead of reversing it."""

    def __init__(self, key: str) -> None:
        """Keep the key of the reversal."""
        super().__init__(f"entry {key!r} is a reversal and cannot be reversed")
        self.key = key


class AlreadyReversed(LedgerError):
    """Nothing of the entry is left to reverse."""

    def __init__(self, key: str) -> None:
        """Keep the key of the original entry."""
        super().__init__(f"entry {key!r} is already reversed in full")
        self.key = key


class ReversalTooLarge(LedgerError):
    """A part of a reversal is more than what is left of the original."""

    def __init__(self, key: str, part: tuple[str, str], *, asked_fen: int, left_fen: int) -> None:
        """Keep the original's key, the accounts of the part, and both amounts."""
        super().__init__(f"entry {key!r}, {part[0]} to {part[1]}: {asked_fen} fen asked, {left_fen} fen left")
        self.key = key
        self.part = part
        self.asked_fen = asked_fen
        self.left_fen = left_fen


class IsolationRefused(LedgerError):
    """The transaction reads an old snapshot, in which it cannot see what others have reversed or closed."""

    def __init__(self, isolation: str) -> None:
        """Keep the isolation level of the transaction."""
        super().__init__(f"a transaction that is READ COMMITTED is needed, this is {isolation.upper()}")
        self.isolation = isolation


class PeriodClosed(LedgerError):
    """The month in which an entry would count is closed."""

    def __init__(self, book: str, day: date) -> None:
        """Keep the book and the first day of the month."""
        super().__init__(f"{day:%Y-%m} of book {book!r} is closed")
        self.book = book
        self.month = day.replace(day=1)


class AlreadyClosed(LedgerError):
    """The month that should be closed is closed."""

    def __init__(self, book: str, month: date) -> None:
        """Keep the book and the month."""
        super().__init__(f"{month:%Y-%m} of book {book!r} is closed already")
        self.book = book
        self.month = month


class NotClosed(LedgerError):
    """The month that should be opened again is open."""

    def __init__(self, book: str, month: date) -> None:
        """Keep the book and the month."""
        super().__init__(f"{month:%Y-%m} of book {book!r} is open")
        self.book = book
        self.month = month


class UnknownOrigin(LedgerError):
    """A month cannot be closed: by its end, assistance has gone to counties that nobody has named."""

    def __init__(self, book: str, until: date, accounts: Sequence[str]) -> None:
        """Keep the book, the first day after the month, and the accounts that are not zero."""
        super().__init__(f"book {book!r} before {until}: not zero: {', '.join(accounts)}")
        self.book = book
        self.until = until
        self.accounts = tuple(accounts)


class BulkRefused(LedgerError):
    """Nothing of a bulk is posted, because some of it cannot be."""

    def __init__(self, *, conflicting: int, refused: int, first: str) -> None:
        """Keep how many drafts conflict or are refused, and the key of the first."""
        super().__init__(f"nothing is posted: {conflicting} conflicting, {refused} refused, first {first!r}")
        self.conflicting = conflicting
        self.refused = refused
        self.first = first


class UnknownDimension(LedgerError):
    """A report was asked by a dimension that its book does not have."""

    def __init__(self, name: str, legal: Iterable[str]) -> None:
        """Keep the name and the legal names."""
        self.name = name
        self.legal = tuple(legal)
        super().__init__(f"no dimension {name!r}; legal are {', '.join(self.legal)}")


class BadCursor(LedgerError):
    """A page was asked for with a cursor that no page has given out."""

    def __init__(self, cursor: str) -> None:
        """Keep the unreadable cursor."""
        super().__init__(f"unreadable cursor {cursor!r}")
        self.cursor = cursor


class BadQuery(LedgerError):
    """A report was asked for with an impossible page size, book or range of days."""

    def __init__(self, field: str, value: object, reason: str) -> None:
        """Keep the field, its value and the reason."""
        super().__init__(f"{field} {value!r}: {reason}")
        self.field = field
        self.value = value
        self.reason = reason
