"""The same sales as django-hordak's transactions of two legs. To be imported once Django is set up."""

# mypy: disable-error-code="import-not-found,misc"
# What is imported here is not in our environment, where types are checked.

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection, models
from django.db import transaction as database
from hordak.models import Account, AccountType, Leg, Transaction
from moneyed import Money

from benchmarks.hordak.connection import CURRENCY

DAY = date(2021, 9, 1)


class Key(models.Model):
    """What makes a sale be posted once however often it is sent, which hordak leaves to its user, at the least cost."""

    key = models.TextField(primary_key=True)
    transaction = models.ForeignKey(Transaction, on_delete=models.PROTECT, db_index=False)

    class Meta:
        """Where Django finds it."""

        app_label = "sales"

    def __str__(self) -> str:
        """Say which it is."""
        return str(self.key)


def make_keys() -> None:
    """Make the table of the keys."""
    with connection.schema_editor() as editor:
        editor.create_model(Key)


@dataclass(frozen=True)
class Sale:
    """What a sale is to hordak."""

    partner: Account
    county: Account
    amount: Money
    key: str


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
    """Post as hordak's documentation says, with the key: four INSERTs in one database transaction."""
    with database.atomic():
        made = sale.county.transfer_to(sale.partner, sale.amount, date=DAY)
        Key.objects.create(key=sale.key, transaction=made)


def insert_in_bulk(sale: Sale) -> None:
    """Post with both legs in one INSERT. That leaves out the checks of `Leg.save`; those of the database remain."""
    with database.atomic():
        made = Transaction.objects.create(date=DAY)
        Leg.objects.bulk_create(_legs(made, sale))
        Key.objects.create(key=sale.key, transaction=made)


WAYS: dict[str, Callable[[Sale], None]] = {"transfer_to": transfer, "bulk_create": insert_in_bulk}


def post_many(count: int) -> None:
    """Post so many sales in one database transaction."""
    numbered = [sale for _, sale in zip(range(count), sales("seed"), strict=False)]
    with database.atomic():
        made = Transaction.objects.bulk_create([Transaction(date=DAY) for _ in numbered])
        legs = [leg for one, sale in zip(made, numbered, strict=True) for leg in _legs(one, sale)]
        Leg.objects.bulk_create(legs, batch_size=5_000)
        Key.objects.bulk_create(Key(key=sale.key, transaction=one) for one, sale in zip(made, numbered, strict=True))


def _legs(made: Transaction, sale: Sale) -> list[Leg]:
    return [
        Leg(transaction=made, account=sale.partner, debit=sale.amount),
        Leg(transaction=made, account=sale.county, credit=sale.amount),
    ]
