"""A worker that kills itself in the middle of a sheet of sales, at the moment that its second word names.

`python -m tests.faults.dying_reader IMPORT MOMENT ROWS`, with pieces of so many rows. Settings: the environment.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

from shop import create_app
from shop.assistance.imports.work import confirm, run
from shop.assistance.imports.work.store import Clerk
from shop.config import Settings

IN_A_PIECE, AFTER_A_PIECE, CONFIRMING, BETWEEN_CONFIRMED = "in a piece", "after a piece", "confirming", "confirmed"
MOMENTS = (IN_A_PIECE, AFTER_A_PIECE, CONFIRMING, BETWEEN_CONFIRMED)


def dies(*_: object) -> None:
    """End as by kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


def second_time(work: Callable[..., Any]) -> Callable[..., Any]:
    """Return work that is done, and the second time is the last that this process does."""
    done = []

    def works(*arguments: Any, **named: Any) -> Any:
        found = work(*arguments, **named)
        done.append(found)
        if len(done) > 1:
            dies()
        return found

    return works


def main() -> None:
    """Work until killed."""
    import_id, moment, rows = UUID(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    app = create_app(Settings.from_environment(os.environ))
    run.ROWS_A_PIECE = confirm.SALES_A_PIECE = rows
    with app.app_context():
        if moment == IN_A_PIECE:
            Clerk.store = second_time(Clerk.store)  # type: ignore[method-assign]  # it dies before the commit
            run.run(import_id)
        elif moment == AFTER_A_PIECE:
            run.run(import_id, on_progress=second_time(lambda _: None))
        elif moment == CONFIRMING:
            confirm.audit.record_many = second_time(confirm.audit.record_many)
            confirm.confirm(import_id)
        else:
            confirm.confirm(import_id, on_progress=second_time(lambda _: None))


if __name__ == "__main__":
    main()
