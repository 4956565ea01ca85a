"""What a verification has found so far, and how it reads."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from ledger.posting.statement import driver

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that fails a check; in a verdict the first one, and how many do."""

    check: str
    row: str
    message: str
    count: int = 1


Report = Callable[[Problem], None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was checked: for each check the number of rows, and its problem if it has one."""

    ok: bool
    checked: dict[str, int]
    problems: list[Problem]


@dataclass
class Books:
    """The books under examination, and the findings so far.

    `entries` and `transfers` name the tables, or parts of them, that hold what is to be checked; `append_only` names
    the tables beside the ledger's that may only grow as well.
    """

    session: Session
    on_progress: Progress
    on_problem: Report
    since: int
    append_only: Collection[str] = ()
    entries: str = "ledger_entry"
    transfers: str = "ledger_transfer"
    checked: dict[str, int] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)

    def run(self, check: "Check") -> None:
        """Run a check: count its rows, then find the bad ones."""
        name = check.__name__
        total = self.checked[name] = check(self)
        self.on_progress(name, total, total)

    def find(self, check: str, statement: str, *, rows: str) -> int:
        """Report each row that a statement returns, as what is wrong and how, as soon as it comes.

        Args:
            statement: SQL in which `{entries}`, `{transfers}` and `{since}` stand for what is to be checked.
            rows: the table, or part of it, whose number of rows is what was checked; it is returned.
        """
        names = {"entries": self.entries, "transfers": self.transfers, "since": self.since}
        connection = self.session.connection()
        total: int = connection.exec_driver_sql(f"SELECT count(*) FROM {rows.format(**names)}").scalar_one()  # noqa: S608 -- our own names
        self.on_progress(check, 0, total)
        # Row by row, as a cursor of the server's would be, but for that the server may work in parallel.
        asked = statement.format(**names)
        with driver(connection, asked) as streaming:
            for row, message in streaming.cursor().stream(asked.encode()):
                self.fail(check, row, message)
        return total

    def fail(self, check: str, row: str, message: str) -> None:
        """Keep a finding, and report it."""
        first = self.problems.get(check)
        found = Problem(check, row, message)
        self.on_problem(found)
        count = 1 if first is None else first.count + 1
        first = first or found
        self.problems[check] = Problem(check, first.row, first.message, count)


Check = Callable[[Books], int]
