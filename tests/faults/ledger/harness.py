"""Books that an operation reaches through a proxy, what is expected of it, and what is asserted after a fault."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from ledger import LedgerError
from tests.conftest import DatabaseUrls
from tests.faults.ledger import books
from tests.faults.ledger.client import Forks, marked_engine
from tests.faults.ledger.operations import Operation
from tests.faults.ledger.proxy import PATIENCE_SECONDS, Message, Proxy, Trap
from tests.faults.localpg_harness import wait_until
from tests.ledger.databases import empty_out

# What may come of repeating an operation that had left something wrong behind.
WRONG = (AssertionError, DBAPIError, LedgerError)


class Broken(AssertionError):
    """An operation has left something between nothing and everything, or twice the same."""


@dataclass(frozen=True)
class Expected:
    """An operation without a fault: its messages, and the books before it, after it, and with all of it sealed."""

    points: list[Message]
    before: books.State
    after: books.State
    sealed: books.State


@dataclass
class Site:
    """Books, a way to them that can be cut, and a way around it."""

    proxy: Proxy
    proxied: Engine
    direct: Engine
    superuser: Engine
    forks: Forks
    expected: dict[str, Expected] = field(default_factory=dict)

    def end_backend(self, pid: int) -> None:
        """End a backend as an administrator does, and wait until it is gone."""
        with self.superuser.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})

    def wait_for_backends(self) -> None:
        """Wait until the server has noticed that its clients are gone."""
        query = text("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(:pids)")

        def are_gone() -> bool:
            try:
                with self.superuser.connect() as connection:
                    return not connection.execute(query, {"pids": self.proxy.backend_pids()}).scalar_one()
            except OperationalError:
                return False  # the server recovers from a crash

        wait_until(are_gone, timeout_seconds=PATIENCE_SECONDS)

    def prepare(self, operation: Operation, trap: Trap | None) -> None:
        """Begin with books that hold what an operation needs, and nothing else."""
        self.proxy.begin(trap)
        self.proxied.dispose()
        empty_out(self.superuser)
        with Session(self.direct) as session:
            operation.prepare(session)
            session.commit()

    def learn(self, operation: Operation) -> Expected:
        """Run an operation without a fault, once, for what is expected of it."""
        known = self.expected.get(operation.name)
        if known is not None:
            return known
        self.prepare(operation, None)
        before = self.read()
        with Session(self.proxied) as session:
            operation.run(session)
            session.commit()
        points = list(self.proxy.seen)
        assert points, f"{operation} has no message at which it could be broken off"
        assert points[0].text.startswith("BEGIN")
        assert points[-1].text == "COMMIT"
        after = self.read()
        assert after != before
        found = self.expected[operation.name] = Expected(points, before, after, self.seal_out())
        return found

    def settle(self, operation: Operation, session: Session | None = None) -> bool:
        """Assert that an operation has happened whole or not at all, and then, repeated, once. Say which it was.

        Args:
            session: repeats it; one on a connection of its own if not given.
        """
        expected = self.expected[operation.name]
        found = self.read()
        if found not in (expected.before, expected.after):
            raise Broken("\n".join(["a part has happened", *found.differences(expected.after)]))
        had_happened = found == expected.after
        with session or Session(self.direct) as repeating:
            operation.repeat(repeating, had_happened)
            repeating.commit()
        final = self.seal_out()
        if final != expected.sealed:
            raise Broken("\n".join(["repeating did not make it whole", *final.differences(expected.sealed)]))
        return had_happened

    def read(self) -> books.State:
        """Read the books, on another way than the operation's."""
        with Session(self.direct) as session:
            return books.read(session)

    def seal_out(self) -> books.State:
        """Seal all that waits, check the books, and read them."""
        with Session(self.direct) as session:
            books.seal_all(session)
            return books.check(session)

    @classmethod
    def open(cls, urls: DatabaseUrls, directory: Path, *, forks: Forks, proxy: Proxy) -> Self:
        """Connect to books through a proxy that listens in a directory, and around it."""
        proxied = make_url(urls.app).update_query_dict({"host": str(directory)})
        return cls(
            proxy=proxy,
            proxied=marked_engine(proxied.render_as_string(hide_password=False)),
            direct=create_engine(urls.app, pool_pre_ping=True),
            superuser=create_engine(urls.superuser, pool_pre_ping=True),
            forks=forks,
        )

    def close(self) -> None:
        """Close all connections."""
        for engine in (self.proxied, self.direct, self.superuser):
            engine.dispose()
