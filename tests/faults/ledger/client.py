"""Processes of their own: `python -m tests.faults.ledger.client` forks one for each line that it reads.

A line is a word that says what to do, and what that needs. The process id is said when it begins, and how it ended when
it has.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session

from shop.localpg.places import PROJECT
from tests.faults.ledger.operations import BY_NAME
from tests.faults.ledger.proxy import MARK


def marked_engine(url: str) -> Engine:
    """Make an engine of which every new connection says where the operation begins.

    The first connection of an engine asks the server a few questions after that, so it is made here, and ended.
    """
    engine = create_engine(url, pool_size=1, max_overflow=0)
    engine.connect().close()
    engine.dispose()
    event.listen(engine, "connect", _mark)
    return engine


def _mark(connection: Any, _record: object) -> None:
    connection.autocommit = True
    connection.execute(f"SELECT '{MARK}'")
    connection.autocommit = False


class Forks:
    """The process that forks, for the length of a block. It has but one thread, unlike the tests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.ledger.client"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def begin_operation(self, url: str, operation: str) -> int:
        """Begin an operation in a client of its own, and give its process id."""
        return self._begin("operate", url, operation)

    def limit_files(self, pid: int, size_bytes: int) -> None:
        """Let a process write no file beyond a size. This must be done by the user to whom the process belongs."""
        self._begin("limit", str(pid), str(size_bytes))
        assert self.end() == 0

    def end(self) -> int:
        """Wait for the client's end, and give its exit code, or minus the signal that killed it."""
        return os.waitstatus_to_exitcode(self._said())

    def _begin(self, *words: str) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write("\t".join(words) + "\n")
        self._process.stdin.flush()
        return self._said()

    def _said(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.communicate(timeout=20)


def main() -> None:
    """Fork until the input ends."""
    for line in sys.stdin:
        task, *words = line.rstrip("\n").split("\t")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                _TASKS[task](*words)
                code = 0
            finally:
                os._exit(code)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        sys.stdout.write(f"{os.waitpid(child, 0)[1]}\n")
        sys.stdout.flush()


def _operate(url: str, operation: str) -> None:
    with Session(marked_engine(url)) as session:
        BY_NAME[operation].run(session)
        session.commit()


def _limit(pid: str, size_bytes: str) -> None:
    owner = Path(f"/proc/{pid}").stat()
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
        os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)
    resource.prlimit(int(pid), resource.RLIMIT_FSIZE, (int(size_bytes), int(size_bytes)))


_TASKS: dict[str, Callable[..., None]] = {"operate": _operate, "limit": _limit}

if __name__ == "__main__":
    main()
