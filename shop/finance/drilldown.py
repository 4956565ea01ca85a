"""From a figure to the transfers behind it: one filter, read from an address, checked, and summed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from flask_babel import gettext
from sqlalchemy.orm import Session

import ledger
from shop.errors import FieldError, InvalidInput
from shop.finance.knowledge import NOW, Known
from shop.finance.periods import Period

_FIELDS = {"after": "cursor", "since": "from", "until": "to", "limit": "page_size"}


@dataclass(frozen=True)
class Filter:
    """Which transfers: of a book, an account, a source, a period, values of the book's dimensions; known by when."""

    book: str | None = None
    account: str | None = None
    source: str | None = None
    period: Period = field(default_factory=Period)
    where: Mapping[str, str] = field(default_factory=dict)
    known: Known = NOW

    def as_query(self) -> dict[str, str]:
        """Return the filter as parameters of an address."""
        named = {"book": self.book, "account": self.account, "source": self.source}
        given = {name: value for name, value in named.items() if value}
        return given | dict(self.where) | self.period.as_query() | self.known.as_query()


@dataclass(frozen=True)
class Summary:
    """The sum of all transfers of a filter, as the totals count them: mirrors take back."""

    amount_fen: int
    count: int


def from_args(args: Mapping[str, str], period: Period, known: Known) -> Filter:
    """Read a filter from a page's address. Dimensions belong to the assistance book unless another is named.

    Raises:
        InvalidInput: naming the parameter that no transfer can match.
    """
    texts = {name: args.get(name, "").strip() for name in ("book", "account", "source")}
    wanted = {name: args[name] for name in ledger.DIMENSIONS["aid"] if args.get(name)}
    book = texts["book"] or ("aid" if wanted else None)
    if book is not None and book not in ledger.BOOKS:
        raise InvalidInput(errors=(FieldError("book", gettext("没有这本账")),))
    where = wanted if book == "aid" else {name: value for name, value in wanted.items() if name in {"month", "year"}}
    return Filter(book, texts["account"] or None, texts["source"] or None, period, where, known)


def transfers(session: Session, chosen: Filter, *, cursor: str | None, page_size: int) -> ledger.Page:
    """Return one page of the transfers of a filter, the oldest business day first.

    Raises:
        InvalidInput: an account code, a cursor or a value is not legal; names the field.
    """
    try:
        return ledger.transfers(
            session,
            book=chosen.book,
            account=chosen.account,
            since=chosen.period.since,
            until=chosen.period.until,
            source=chosen.source,
            where=chosen.where,
            known_at=chosen.known.moment,
            after=cursor or None,
            limit=page_size,
        )
    except ledger.LedgerError as error:
        refuse(error)


def summary(session: Session, chosen: Filter) -> Summary | None:
    """Return the sum behind a filter from the same totals as every page; None where the two books would mix.

    Transfers of one document or one account are listed, with no sum: the document and the statement have theirs.
    """
    if chosen.book != "aid" or chosen.account or chosen.source:
        return None
    found = ledger.totals(
        session,
        book=chosen.book,
        by=(),
        since=chosen.period.since,
        until=chosen.period.until,
        where=chosen.where,
        known_at=chosen.known.moment,
    )
    return Summary(found.total_fen, found.count)


def statement(
    session: Session, code: str, *, period: Period, cursor: str | None, page_size: int, known: Known = NOW
) -> ledger.AccountStatement:
    """Return the statement of an account over a period, as it stands or as it was known at an earlier moment.

    Raises:
        InvalidInput: the account code or the cursor is not legal; names the field.
    """
    try:
        return ledger.statement(
            session,
            code,
            since=period.since,
            until=period.until,
            known_at=known.moment,
            after=cursor or None,
            limit=page_size,
        )
    except ledger.LedgerError as error:
        refuse(error)


def refuse(error: ledger.LedgerError) -> NoReturn:
    """Turn a refusal of the ledger's reports into one that names the request's field.

    Raises:
        InvalidInput: always, unless the error is none of the reports'.
    """
    if isinstance(error, ledger.AccountShapeError):
        field_error = FieldError("account", gettext("没有这种科目代码：%(code)s", code=error.code))
    elif isinstance(error, ledger.BadCursor):
        field_error = FieldError("cursor", gettext("翻页标记无效，请从第一页开始"))
    elif isinstance(error, ledger.BadQuery):
        field_error = FieldError(_FIELDS.get(error.field, error.field), gettext("取值无效"))
    elif isinstance(error, ledger.UnknownDimension):
        field_error = FieldError(error.name, gettext("这本账没有这个维度"))
    else:
        raise error
    raise InvalidInput(errors=(field_error,)) from error
