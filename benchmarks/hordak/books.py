"""Makes django-hordak's books, with what was in ours before. Arguments: the server's socket, the database, how many."""

# mypy: disable-error-code="import-not-found"
# What is imported here is not in our environment, where types are checked.

import sys

from django.core.management import call_command

from benchmarks.hordak.connection import connect


def main(host: str, name: str, count: str) -> None:
    """Make the tables and triggers as hordak's migrations have them, the accounts, and so many transactions."""
    connect(host, name)
    call_command("migrate", verbosity=0)
    from benchmarks.hordak import work  # noqa: PLC0415 -- models need the settings above

    work.make_keys()
    work.make_accounts(partners=40, counties=86)
    work.post_many(int(count))


if __name__ == "__main__":
    main(*sys.argv[1:])
