"""The books against the model: every report, the seals and `verify`."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

import ledger
from ledger import StatementLine
from tests.profile import IS_NIGHTLY
from tests.properties.model import Model, Move, month_of

BOOKS = ("aid", "cash")
WINDOWS = [
    (None, None),
    (date(2021, 9, 1), date(2021, 10, 1)),
    (date(2021, 9, 30), None),
    (date(2021, 8, 31), date(2021, 10, 8)),
]


def check_accounts(session: Session, model: Model) -> None:
    """Compare the list of accounts, every statement and every running balance."""
    for book in BOOKS:
        moves = model.moves(book)
        codes = model.accounts(book)
        rows = ledger.accounts(session, book=book)
        assert [(row.code, row.balance_fen) for row in rows] == [
            (code, sum(move.signed_fen(code) for move in moves)) for code in codes
        ]
        for code in codes:
            check_statement(session, moves, code)


def check_statement(session: Session, moves: Sequence[Move], code: str, *, known_at: datetime | None = None) -> None:
    """Compare one statement of an account: the transfers, the balance after each, and both ends."""
    running_fen = 0
    lines = []
    for move in moves:
        if code not in {move.debit, move.credit}:
            continue
        running_fen += move.signed_fen(code)
        lines.append((move.key, move.debit, move.credit, move.kind, move.signed_fen(code), running_fen))
    found = ledger.statement(session, code, known_at=known_at, limit=1000)
    assert (found.opening_fen, found.closing_fen) == (0, running_fen)
    assert [
        (
            line.transfer.entry_key,
            line.transfer.debit_account,
            line.transfer.credit_account,
            line.transfer.kind,
            line.signed_fen,
            line.balance_fen,
        )
        for line in found.rows
    ] == lines


def check_pages(session: Session, model: Model, code: str, *, since: date | None) -> None:
    """Compare a statement that is read in pages of two with the one in a single piece."""
    whole = ledger.statement(session, code, since=since, limit=1000)
    rows: list[StatementLine] = []
    after = None
    while True:
        page = ledger.statement(session, code, since=since, after=after, limit=2)
        assert (page.opening_fen, page.closing_fen) == (whole.opening_fen, whole.closing_fen)
        assert page.brought_fen == (rows[-1].balance_fen if rows else whole.opening_fen)
        rows += page.rows
        after = page.next_cursor
        if after is None:
            break
    assert rows == whole.rows
    until = since or date(2021, 10, 1)
    before_fen = sum(move.signed_fen(code) for move in model.moves() if move.day < until)
    assert ledger.balance(session, code, until=until) == before_fen


def check_totals(session: Session, model: Model, number: int) -> None:
    """Compare the totals by all dimensions at once, by two of them over some range of days, and both margins."""
    for book in BOOKS:
        names = ledger.DIMENSIONS[book]
        _check_cut(session, model, book, by=names)
        for name in names if IS_NIGHTLY else ():
            _check_cut(session, model, book, by=[name])
        crossed = [names[number % len(names)], names[(number // 3 + 1) % len(names)]]
        _check_cut(session, model, book, by=crossed, window=WINDOWS[number % len(WINDOWS)])
    margins = {ledger.totals(session, book="aid", by=[name]).total_fen for name in ("partner", "county")}
    assert len(margins) == 1


def _check_cut(
    session: Session,
    model: Model,
    book: str,
    *,
    by: Sequence[str],
    window: tuple[date | None, date | None] = (None, None),
    known_at: datetime | None = None,
) -> None:
    since, until = window
    expected: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
    for move in model.moves(book):
        if (since or move.day) <= move.day and (until is None or move.day < until):
            for values, amount_fen in move.cuts():
                cell = expected[tuple(values[name] for name in dict.fromkeys(by))]
                cell[0] += amount_fen
                cell[1] += 1
    found = ledger.totals(session, book=book, by=by, since=since, until=until, known_at=known_at)
    assert [(tuple(row.key.values()), [row.amount_fen, row.count]) for row in found.rows] == sorted(expected.items())
    assert found.total_fen == sum(amount_fen for amount_fen, _ in expected.values())
    assert found.count == sum(count for _, count in expected.values())


def check_transfers(session: Session, model: Model, *, known_at: datetime | None = None) -> None:
    """Compare the list of all transfers."""
    page = ledger.transfers(session, known_at=known_at, limit=1000)
    assert page.next_cursor is None
    assert [
        Move(row.book, row.debit_account, row.credit_account, row.amount_fen, row.kind, row.effective_on, row.entry_key)
        for row in page.rows
    ] == model.moves()
    originals = {row.entry_key: row.reverses for row in page.rows}
    assert originals == {key: entry.reverses for key, entry in model.entries.items()}


def check_periods(session: Session, model: Model) -> None:
    """Compare how every month stands and what it holds."""
    for book in BOOKS:
        held: dict[date, list[int]] = defaultdict(lambda: [0, 0])
        for move in model.moves(book):
            held[month_of(move.day)][0] += 1
            held[month_of(move.day)][1] += move.amount_fen
        months = held.keys() | {month for asked, month in model.turns if asked == book}
        expected = []
        for month in sorted(months, reverse=True):
            turns = model.turns.get((book, month))
            last = (
                ("open", None, "", "")
                if turns is None
                else (turns[-1].state, turns[-1].entries, turns[-1].by, turns[-1].reason)
            )
            expected.append((month, *last, *held.get(month, (0, 0))))
        found = ledger.periods(session, book=book)
        assert [
            (row.month, row.state, row.entries, row.changed_by, row.reason, row.transfers, row.turnover_fen)
            for row in found
        ] == expected
        assert [row.month for row in found if row.changed_at is None] == [
            row[0] for row in expected if (book, row[0]) not in model.turns
        ]


_SEALS = text("""
    SELECT seal.seq, seal.hash, coalesce(entry.key, concat_ws(' ', turn.book, turn.month, turn.number)) AS fact
    FROM ledger_seal seal
    LEFT JOIN ledger_entry entry ON entry.id = seal.fact_id
    LEFT JOIN ledger_period turn ON turn.id = seal.fact_id
    ORDER BY seal.seq
""")


def check_seals(session: Session, model: Model) -> None:
    """Compare the seals with what has been sealed, and look for every head that was ever seen."""
    rows = session.execute(_SEALS).all()
    assert [row.fact for row in rows] == model.facts[: model.sealed]
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        assert model.heads.setdefault(row.seq, row.hash) == row.hash
    head = ledger.head(session)
    assert (head.seq, head.hash) == (len(rows), rows[-1].hash if rows else bytes(32))
    assert head.waiting == len(model.facts) - model.sealed
    assert (head.oldest_waiting_at is None) == (head.waiting == 0)


def check_known(session: Session, model: Model, known_at: datetime) -> None:
    """Compare what the books say they said at a moment with what the model said then."""
    for book in BOOKS:
        moves = model.moves(book)
        found = {row.code: row.balance_fen for row in ledger.accounts(session, book=book, known_at=known_at)}
        for code, balance_fen in found.items():
            assert balance_fen == sum(move.signed_fen(code) for move in moves)
            assert balance_fen == ledger.balance(session, code, known_at=known_at)
        assert found.keys() >= set(model.accounts(book))
        _check_cut(session, model, book, by=ledger.DIMENSIONS[book], known_at=known_at)
    for code in model.accounts("aid")[:1] + model.accounts("cash")[:1]:
        check_statement(session, model.moves(), code, known_at=known_at)
    check_transfers(session, model, known_at=known_at)
