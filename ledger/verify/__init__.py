"""Recomputes the books from their rows, by another road than the one by which they were written.

Posting adds up in SQL; this reads every row and adds up in Python. Posting trusts its drafts; this builds each draft
again from the stored rows and compares its hash, so a row that was changed, deleted or added shows.
"""

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from ledger.verify.derived import flow, margins
from ledger.verify.facts import accounts, entries, keys
from ledger.verify.findings import Books, Problem, Progress, Verdict
from ledger.verify.reversals import reversals
from ledger.verify.rights import rights

__all__ = ["Problem", "Progress", "Verdict", "verify"]


def verify(session: Session, *, on_progress: Progress | None = None) -> Verdict:
    """Check both books from end to end, and name the first bad row of each check.

    Give it a session without an open transaction and everything is read in one snapshot, while others post. Within an
    open transaction it reads what that sees.

    Who posted an entry and when is no part of what is recomputed here.

    Args:
        on_progress: called now and then with the check's name, the rows done and all rows.
    """
    bind = session.get_bind()
    in_transaction = session.in_transaction() or (isinstance(bind, Connection) and bind.in_transaction())
    if not in_transaction:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    books = Books(session, on_progress or (lambda *_: None))
    for check in (accounts, entries, keys, flow, margins, reversals, rights):
        check(books)
    problems = list(books.problems.values())
    return Verdict(ok=not problems, checked=dict(books.checked), problems=problems)
