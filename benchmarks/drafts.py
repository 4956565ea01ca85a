"""Sales to post, the same ones on every run."""

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import ledger

FIRST_DAY = date(2021, 9, 1)


def sales(count: int, *, partners: int, counties: int, days: int, prefix: str) -> Iterator[ledger.Draft]:
    """Yield entries of one transfer over a matrix of partners, counties and days."""
    givers = [ledger.partner_account(f"{120000 + 100 * n}", "direct", "canteen") for n in range(partners)]
    getters = [ledger.county_account(f"{620102 + n}", "produce") for n in range(counties)]
    return between(givers, getters, count=count, days=days, prefix=prefix)


def between(
    givers: Sequence[str], getters: Sequence[str], *, count: int, days: int, prefix: str
) -> Iterator[ledger.Draft]:
    """Yield entries of one transfer each, from any of the first accounts to any of the second."""
    dice = random.Random(prefix)  # noqa: S311 -- a benchmark wants the same numbers every time
    for number in range(count):
        leg = ledger.Leg(dice.choice(givers), dice.choice(getters), dice.randint(1, 10**6), "sale")
        day = FIRST_DAY + timedelta(days=dice.randrange(days))
        yield ledger.Draft("aid", f"{prefix}:{number}", day, f"sale:{prefix}-{number}", (leg,))
