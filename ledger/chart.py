"""The chart of accounts: the only place that knows which account codes are legal, and what they mean.

Two books. In `aid` the debit account is who helped (`partner:<code>:<mode>:<channel>`) and the credit account who
was helped (`county:<GB/T 2260 code>:<category>`). In `cash` accounts are of four common kinds.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from uuid import UUID

from ledger.errors import AccountShapeError

Book = Literal["aid", "cash"]
BOOKS: tuple[Book, ...] = ("aid", "cash")
NOBODY = "none"
UNKNOWN_COUNTY = "unknown"

# The shape of the part of a code that follows its kind, by book and kind.
_ID = r"[A-Za-z0-9-]{1,64}"
_SHAPES: dict[str, dict[str, str]] = {
    "aid": {
        "partner": r"(?:\d{6}|C-[a-z0-9-]{1,40}|none):(?:direct|assisted):[a-z][a-z0-9_]{0,31}",
        "county": r"(?:\d{6}|unknown):[a-z]{1,32}",
    },
    "cash": {
        "asset": rf"clearing:stripe|bank:{_ID}|receivable:{_ID}",
        "liability": rf"prepaid|supplier:{_ID}|unallocated",
        "income": r"commission|freight",
        "expense": r"payment_fee",
    },
}
_PATTERNS = {
    book: {kind: re.compile(shape, re.ASCII) for kind, shape in kinds.items()} for book, kinds in _SHAPES.items()
}
KINDS: dict[str, tuple[str, ...]] = {book: tuple(kinds) for book, kinds in _SHAPES.items()}
_DEBIT_NORMAL = frozenset({"partner", "asset", "expense"})
_CACHED_ACCOUNTS = 1 << 16


@dataclass(frozen=True, slots=True)
class Account:
    """A legal account. `parts` are the fields of the code after its kind."""

    book: Book
    code: str
    kind: str
    parts: tuple[str, ...]

    @property
    def is_debit_normal(self) -> bool:
        """Whether debits make its balance grow."""
        return self.kind in _DEBIT_NORMAL

    @property
    def id(self) -> UUID:
        """The account's key in the database, the same everywhere."""
        return account_id(self.book, self.code)


@lru_cache(maxsize=_CACHED_ACCOUNTS)
def parse(book: str, code: str) -> Account:
    """Read an account code of a book.

    Raises:
        AccountShapeError: there is no such book, or the code is not legal in it.
    """
    kinds = _PATTERNS.get(book)
    if kinds is None:
        raise AccountShapeError(book, code, f"no such book; books are {', '.join(BOOKS)}")
    kind, _, rest = code.partition(":")
    pattern = kinds.get(kind)
    if pattern is None:
        raise AccountShapeError(book, code, f"its kind must be one of {', '.join(kinds)}")
    if pattern.fullmatch(rest) is None:
        raise AccountShapeError(book, code, f"not a legal {kind} account")
    return Account("aid" if book == "aid" else "cash", code, kind, tuple(rest.split(":")))


def parse_any(code: str) -> Account:
    """Read an account code whose book is not known: no kind exists in both books.

    Raises:
        AccountShapeError: the code is legal in no book.
    """
    kind = code.partition(":")[0]
    return parse("aid" if kind in KINDS["aid"] else "cash", code)


@lru_cache(maxsize=_CACHED_ACCOUNTS)
def account_id(book: str, code: str) -> UUID:
    """Derive an account's id from its name, so that posting looks no account up.

    The first half of the SHA-256 of "book:code"; the table checks the same formula.
    """
    return UUID(bytes=hashlib.sha256(f"{book}:{code}".encode()).digest()[:16])


def partner_account(code: str, mode: str, channel: str) -> str:
    """Name the account of who helped, how and through which channel.

    Args:
        code: six digits for an eastern partner, "C-" and a slug for a central unit, "none" for nobody.
        mode: "direct" or "assisted".
        channel: a channel code of the reference data.

    Raises:
        AccountShapeError: a part has not its shape.
    """
    return parse("aid", f"partner:{code}:{mode}:{channel}").code


def county_account(code: str, category: str) -> str:
    """Name the account of who was helped: a county's six digits, or "unknown", and a category.

    Raises:
        AccountShapeError: a part has not its shape.
    """
    return parse("aid", f"county:{code}:{category}").code


def check_transfer(debit: Account, credit: Account, *, is_mirror: bool) -> str | None:
    """Say why a transfer between two accounts of one book is not legal, or None when it is.

    Assistance goes from partner to county. Only the mirror of an earlier transfer goes the other way.
    """
    if debit.code == credit.code:
        return "debit and credit are the same account"
    if debit.book != credit.book:
        return "debit and credit are in different books"
    if debit.book == "aid":
        expected = ("county", "partner") if is_mirror else ("partner", "county")
        if (debit.kind, credit.kind) != expected:
            return f"assistance must go from {expected[0]} to {expected[1]} here"
    return None
