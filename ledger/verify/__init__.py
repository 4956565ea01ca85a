"""Recomputes the books from their rows, by another road than the one by which they were written.

Posting, sealing and closing compute in Python, one fact after the other; this computes in SQL, over whole tables at
once, in the canonical forms that the docstrings of `Draft.payload`, `seal_hash` and `change_hash` give.
"""

from collections.abc import Collection

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from ledger.verify.chain import seals, waiting
from ledger.verify.derived import flow, flow_months, margins
from ledger.verify.facts import accounts, entries, keys, payload, transfers
from ledger.verify.findings import Books, Problem, Progress, Report, Verdict
from ledger.verify.months import periods
from ledger.verify.reversals import reversals
from ledger.verify.rights import readable, rights
from ledger.verify.scope import open_scope

__all__ = ["Problem", "Progress", "Report", "Verdict", "verify"]

_DERIVED = (flow, flow_months)
_ALL = (rights, accounts, entries, transfers, payload, keys, *_DERIVED, margins, reversals, periods, seals, waiting)
_SINCE_A_SEAL = (rights, accounts, entries, transfers, payload, *_DERIVED, reversals, periods, seals)


def verify(
    session: Session,
    *,
    since: int | None = None,
    on_progress: Progress | None = None,
    on_problem: Report | None = None,
    append_only: Collection[str] = (),
) -> Verdict:
    """Check both books from end to end, and name the first bad row of each check.

    Give it a session without an open transaction and everything is read in one snapshot, while others post. Within an
    open transaction it reads what that sees.

    Args:
        since: take everything up to the seal of this number for granted, and check what was sealed after it or waits.
            Who checked up to there has kept the seal's hash: compare it with `head` or `seal_at`.
        on_progress: called when a check begins and ends, with its name, the rows done and all rows.
        on_problem: called with each finding as soon as it is found; the verdict keeps the first of each check.
        append_only: tables of the caller's that may only grow, like the ledger's facts: their rights are checked too.
    """
    bind = session.get_bind()
    in_transaction = session.in_transaction() or (isinstance(bind, Connection) and bind.in_transaction())
    if not in_transaction:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    books = Books(session, on_progress or (lambda *_: None), on_problem or (lambda _: None), since or 0, append_only)
    if readable(books):
        # What is sorted and hashed here is as large as the books.
        session.execute(text("SELECT set_config('work_mem', '128MB', true), set_config('jit', 'off', true)"))
        if since is None:
            # Whole tables are joined. After a bulk the statistics may still say that they are empty, and a nested loop
            # over them, chosen for that, would not end.
            # And the planner takes every row for a finding, and so for one that it costs something to collect from
            # workers; there should be none, and what is hashed is worth all processors.
            session.execute(text("SET LOCAL enable_nestloop = off; SET LOCAL parallel_tuple_cost = 0"))
        with open_scope(books):
            for check in _ALL if since is None else _SINCE_A_SEAL:
                books.run(check)
    problems = list(books.problems.values())
    return Verdict(ok=not problems, checked=dict(books.checked), problems=problems)
