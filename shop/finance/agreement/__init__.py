"""Whether the books say what the documents say: nothing more, nothing less, nothing else.

The ledger's own check proves that nobody changed the ledger's rows. This one computes from orders, sales and receipts,
by another road than the one that posted them, what the ledger should hold. So it also finds a document that was
changed after it counted, an entry without a document, and an entry that is gone without a trace in the books.
"""

import sqlalchemy as sa
from sqlalchemy.orm import Session

import ledger
from ledger import Problem, Progress, Verdict
from shop.finance.agreement import expected


def verify(session: Session, *, on_progress: Progress | None = None) -> Verdict:
    """Check the books by themselves and then against the documents, in one snapshot; see `ledger.verify`."""
    verdict = ledger.verify(session, on_progress=on_progress)
    checked, problems = dict(verdict.checked), list(verdict.problems)
    for check, rows in (("orders", expected.ORDERS), ("documents", expected.DOCUMENTS)):
        checked[check] = int(session.scalar(rows) or 0)
    problems += [problem for problem in (_orders(session), _documents(session)) if problem is not None]
    return Verdict(ok=not problems, checked=checked, problems=problems)


def _orders(session: Session) -> Problem | None:
    """Check that each order's sums are those of its lines and its receipts."""
    row = session.execute(sa.text(expected.WRONG_ORDERS)).one_or_none()
    if row is None:
        return None
    return Problem("orders", f"order:{row.number}", "its sums are not those of its lines and its receipts", row.wrong)


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
