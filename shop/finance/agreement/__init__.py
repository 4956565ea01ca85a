"""Whether the books say what the documents say: nothing more, nothing less, nothing else.

The ledger's own check proves that nobody changed the ledger's rows. This one computes from orders, sales and receipts,
by another road than the one that posted them, what the ledger should hold. So it also finds a document that was
changed after it counted, an entry without a document, and an entry that is gone without a trace in the books.
"""

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.orm import Session

import ledger
from ledger import Problem, Progress, Verdict
from shop.db import APPEND_ONLY
from shop.finance.agreement import expected


def verify(
    session: Session,
    *,
    since: int | None = None,
    on_progress: Progress | None = None,
    on_problem: Callable[[Problem], None] | None = None,
) -> Verdict:
    """Check the books by themselves and then against all documents, in one snapshot; see `ledger.verify`.

    The shop's own tables that only grow, with the audit trail, must be as safe from change as the ledger's facts.

    The documents are checked from the first, whatever seal the books are checked from: they carry no seals.
    """
    tell, move = on_problem or (lambda _: None), on_progress or (lambda *_: None)
    verdict = ledger.verify(
        session, since=since, on_progress=on_progress, on_problem=on_problem, append_only=APPEND_ONLY
    )
    checked, problems = dict(verdict.checked), list(verdict.problems)
    checks = (
        ("orders", expected.ORDERS, _orders),
        ("receipts", expected.RECEIPTS, _receipts),
        ("documents", expected.DOCUMENTS, _documents),
    )
    for name, count, check in checks:
        rows = checked[name] = int(session.scalar(count) or 0)
        move(name, 0, rows)
        problem = check(session)
        if problem is not None:
            tell(problem)
            problems.append(problem)
        move(name, rows, rows)
    return Verdict(ok=not problems, checked=checked, problems=problems)


def _orders(session: Session) -> Problem | None:
    """Check that each order's sums are those of its lines and its receipts."""
    row = session.execute(sa.text(expected.WRONG_ORDERS)).one_or_none()
    if row is None:
        return None
    return Problem("orders", f"order:{row.number}", "its sums are not those of its lines and its receipts", row.wrong)


def _receipts(session: Session) -> Problem | None:
    """Check that what each receipt says of its money is the sum of its moves, and that what undoes fits."""
    row = session.execute(sa.text(expected.WRONG_RECEIPTS)).one_or_none()
    if row is None:
        return None
    return Problem("receipts", f"receipt:{row.number}", "its sums are not those of its moves", row.wrong)


def _documents(session: Session) -> Problem | None:
    """Check that the ledger holds the transfers that the documents give, and no others."""
    row = session.execute(sa.text(expected.DIFFERENCES)).one_or_none()
    if row is None:
        return None
    day = f" on {row.day}" if row.day else ""
    message = (
        f"from {row.debit} to {row.credit}{day} the document gives {int(row.expected_fen)} fen, "
        f"the ledger holds {int(row.held_fen)} fen"
    )
    return Problem("documents", row.source, message, row.wrong)
