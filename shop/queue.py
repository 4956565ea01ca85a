"""Where the job queue lives, and how a request leaves work in it: in the commit of what the work is about."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

NAME = "CASE current_schema() WHEN 'public' THEN 'ganwei_jobs' ELSE current_schema() || '_jobs' END"

_SELECT = f"SELECT set_config('search_path', quote_ident({NAME}), %s)"
SELECT_FOR_SESSION = _SELECT % "false"
"""Makes a connection that finds the programme's tables find the queue's instead."""
SELECT_FOR_TRANSACTION = _SELECT % "true"
"""The same until the transaction ends."""


def defer(session: Session, task: str) -> None:
    """Let a worker run a task without arguments as soon as the caller's transaction has committed.

    A task that waits already is not added again: it finds its work in the programme's tables. Without the queue's
    library, which would make every web process start later.
    """
    session.flush()
    programme = session.scalar(sa.text("SELECT current_setting('search_path')"))
    session.execute(sa.text(SELECT_FOR_TRANSACTION))
    session.execute(
        sa.text(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock)"
            " VALUES ('default', CAST(:task AS text), CAST(:task AS text)) ON CONFLICT DO NOTHING"
        ),
        {"task": task},
    )
    session.execute(sa.text("SELECT set_config('search_path', :path, true)"), {"path": programme})
