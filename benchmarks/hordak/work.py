"""The same sales as django-hordak's transactions of two legs. To be imported once Django is set up."""

# mypy: disable-error-code="import-not-found"
# What is imported here is not in our environment, where types are checked.

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import transaction as database
from hordak.models import Account, AccountType, Leg, Transaction
from moneyed import Money

from benchmarks.hordak.connection import CURRENCY

DAY = date(2021, 9, 1)


@dataclass(frozen=True)
class Sale:
    """What a sale is to hordak."""

    partner: Account
    county: Account
    amount: Money
    description: str


def make_accounts(*, partners: int, counties: int) -> None:
    """Make the accounts of both sides, which are roots, so that no balance adds up a tree."""
    for number in range(partners):
        _make_account(AccountType.asset, f"{120000 + 100 * number}")
    for number in range(counties):
        _make_account(AccountType.liability, f"{620102 + number}")


def _make_account(kind: str, code: str) -> None:
    Account.objects.create(name=code, code=code, type=kind, currencies=[CURRENCY])


def sales(prefix: str) -> Iterator[Sale]:
    """Yield sales over all pairs of accounts, which are read once."""
    dice = random.Random(prefix)  # noqa: S311 -- a benchmark wants the same numbers every time
    partners = list(Account.objects.filter(type=AccountType.asset))
    counties = list(Account.objects.filter(type=AccountType.liability))
    number = 0
    while True:
        amount = Money(Decimal(dice.randint(1, 10**6)) / 100, CURRENCY)
        yield Sale(dice.choice(partners), dice.choice(counties), amount, f"sale:{prefix}-{number}")
        number += 1


def transfer(sale: Sale) -> None:
    """Post as hordak's documentation says: three INSERTs in one database transaction."""
    sale.county.transfer_to(sale.partner, sale.amount, date=DAY, description=sale.description)


def insert_in_bulk(sale: Sale) -> None:
    """Post with both legs in one INSERT. That leaves out the checks of `Leg.save`; those of the database remain."""
    with database.atomic():
        made = Transaction.objects.create(date=DAY, description=sale.description)
        Leg.objects.bulk_create(_legs(made, sale))


WAYS: dict[str, Callable[[Sale], None]] = {"transfer_to": transfer, "bulk_create": insert_in_bulk}


def post_many(count: int) -> None:
    """Post so many sales in one database transaction."""
    numbered = [sale for _, sale in zip(range(count), sales("seed"), strict=False)]
    with database.atomic():
        made = Transaction.objects.bulk_create(
            [Transaction(date=DAY, description=sale.description) for sale in numbered]
        )
        legs = [leg for one, sale in zip(made, numbered, strict=True) for leg in _legs(one, sale)]
        Leg.objects.bulk_create(legs, batch_size=5_000)


def _legs(made: Transaction, sale: Sale) -> list[Leg]:
    return [
        Leg(transaction=made, account=sale.partner, debit=sale.amount),
        Leg(transaction=made, account=sale.county, credit=sale.amount),
    ]
