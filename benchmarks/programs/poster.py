"""A client of ours: `ledger.post`, one entry of one transfer a commit. Arguments: the database's URL, a number."""

import sys
from collections.abc import Iterator

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

import ledger
from benchmarks.drafts import sales
from benchmarks.programs.turns import take_turns

PROGRAM = "benchmarks.programs.poster"
SEED = 20_000


def main(url: str, number: str) -> None:
    """Post in turns."""
    # A post is one statement, so it needs no BEGIN and no COMMIT around it to be whole.
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    drafts = sales_of_a_day(10**9, prefix=f"client{number}")
    # One connection for one client, as the references have it, and not one from the pool for every commit.
    with engine.connect() as connection, Session(connection) as session:

        def post() -> None:
            ledger.post(session, next(drafts), by="benchmark")

        take_turns(post)
    engine.dispose()


def commands(url: str, *, count: int) -> list[list[str]]:
    """List the commands that start so many clients."""
    return [[sys.executable, "-m", PROGRAM, url, str(number)] for number in range(count)]


def seed(url: str, *, count: int = SEED) -> None:
    """Post what was posted before: the accounts exist, and all pairs of them have been used today."""
    engine = create_engine(url)
    with Session(engine) as session:
        ledger.post_many(session, sales_of_a_day(count, prefix="seed"), by="benchmark")
        session.commit()
    engine.dispose()


def sales_of_a_day(count: int, *, prefix: str) -> Iterator[ledger.Draft]:
    """Yield sales over 40 partners and 86 counties, all on one day."""
    return sales(count, partners=40, counties=86, days=1, prefix=prefix)


if __name__ == "__main__":
    main(*sys.argv[1:])
