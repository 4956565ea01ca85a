"""What a verification has found so far, and how it reads."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Executable, Row, Table, func, select
from sqlalchemy.orm import Session

Progress = Callable[[str, int, int], None]

ROWS_PER_FETCH = 5_000


@dataclass(frozen=True, slots=True)
class Problem:
    """The first row that fails a check, and how many do."""

    check: str
    row: str
    message: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was checked: for each check the number of rows, and its problem if it has one."""

    ok: bool
    checked: dict[str, int]
    problems: list[Problem]


class Cell(NamedTuple):
    """What one row of the flow, over all shards, is about."""

    debit: UUID
    credit: UUID
    day: date
    kind: str


@dataclass
class Books:
    """The findings so far, and what one check learns for the next."""

    session: Session
    on_progress: Progress
    checked: dict[str, int] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)
    codes: dict[UUID, str] = field(default_factory=dict)
    cells: dict[Cell, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def begin(self, *checks: str) -> None:
        for check in checks:
            self.checked[check] = 0

    def fail(self, check: str, row: str, message: str) -> None:
        first = self.problems.get(check)
        count = 1 if first is None else first.count + 1
        first = first or Problem(check, row, message)
        self.problems[check] = Problem(check, first.row, first.message, count)

    def stream(self, check: str, statement: Executable, *, total: int) -> Iterator[Row[Any]]:
        """Read row by row, so that memory does not grow with the books."""
        rows = self.session.execute(statement, execution_options={"yield_per": ROWS_PER_FETCH})
        for done, row in enumerate(rows):
            if done % ROWS_PER_FETCH == 0:
                self.on_progress(check, done, total)
            yield row
        self.on_progress(check, total, total)

    def count(self, table: Table) -> int:
        return self.session.execute(select(func.count()).select_from(table)).scalar_one()

    def code(self, account: UUID | None) -> str:
        return self.codes.get(account, f"unknown account {account}") if account else "nothing"
