"""A client of django-hordak. Arguments: the server's socket, the database, one of the ways in `work`, a number."""

import sys

from benchmarks.hordak.connection import connect
from benchmarks.programs.turns import take_turns


def main(host: str, name: str, way: str, number: str) -> None:
    """Post in turns, one sale a commit."""
    connect(host, name)
    from benchmarks.hordak import work  # noqa: PLC0415 -- models need the settings above

    post, coming = work.WAYS[way], work.sales(f"{way}{number}")
    take_turns(lambda: post(next(coming)))


if __name__ == "__main__":
    main(*sys.argv[1:])
