"""`flask ledger close`, `reopen` and `periods`."""

from collections.abc import Callable
from datetime import UTC, date

import click
import sqlalchemy as sa
from sqlalchemy.orm import Session

import ledger as books
from shop.db import business_day, db, transaction
from shop.errors import ShopError
from shop.finance.cli.output import in_english, write
from shop.finance.months import queries, rules, service
from shop.finance.queries import snapshot
from shop.finance.tables import plain_yuan
from shop.identity.actor import Actor, actor_for, organisations_of
from shop.identity.models import Role, User

_BOOK = click.Choice(books.BOOKS)
_BY = "Who answers for it: the e-mail address of somebody in finance. The record says `command line` without it."
_HEADINGS = ("book", "month", "state", "entries", "transfers", "turnover_yuan", "net_yuan", "changed_at", "changed_by")


class _Month(click.ParamType[date]):
    name = "YYYY-MM"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read a month as its first day."""
        if isinstance(value, date):
            return value
        try:
            return rules.read_month(value)
        except ShopError:
            self.fail("a month is written like 2021-09", param, ctx)


@click.command()
@in_english
@click.argument("book", type=_BOOK)
@click.argument("month", type=_Month())
@click.option("--by", metavar="EMAIL", help=_BY)
@click.option("--reason", default="", help="A remark for the record.")
def close(*, book: str, month: date, by: str | None, reason: str) -> None:
    """Close a month of a book that is over, and seal everything that is posted."""

    def change(session: Session, actor: Actor | None) -> None:
        service.close_month(session, actor, book, month, today=business_day(), reason=reason)

    _change(by, change)
    head = books.head(db.session)
    click.echo(f"closed {book} {month:%Y-%m}")
    click.echo(f"{head.seq}:{head.hash.hex()}")


@click.command()
@in_english
@click.argument("book", type=_BOOK)
@click.argument("month", type=_Month())
@click.option("--reason", required=True, help="Why, for the record.")
@click.option("--by", metavar="EMAIL", help=_BY)
def reopen(*, book: str, month: date, reason: str, by: str | None) -> None:
    """Open a closed month of a book again."""
    if not reason.strip():
        raise click.BadParameter("give the reason", param_hint="--reason")

    def change(session: Session, actor: Actor | None) -> None:
        service.reopen_month(session, actor, book, month, reason=reason)

    _change(by, change)
    click.echo(f"reopened {book} {month:%Y-%m}")


@click.command()
@in_english
@click.option("--book", type=_BOOK, help="Of one book only.")
def periods(*, book: str | None) -> None:
    """List the months of the books, the newest first: how they stand and what they hold."""
    with snapshot() as session:
        rows = [
            _cells(found)
            for name in ([book] if book else books.BOOKS)
            for found in queries.months(session, name, today=business_day())
        ]
    write(_HEADINGS, rows)


def _change(by: str | None, change: Callable[[Session, Actor | None], None]) -> None:
    try:
        with transaction() as session:
            change(session, _answerable(session, by))
    except ShopError as error:
        raise click.ClickException(str(error)) from error


def _answerable(session: Session, email: str | None) -> Actor | None:
    if email is None:
        return None
    user = session.scalars(sa.select(User).where(sa.func.lower(User.email) == email.strip().lower())).one_or_none()
    if user is None or not user.active:
        raise click.BadParameter(f"there is nobody with the address {email}", param_hint="--by")
    for organisation in organisations_of(session, user.id):
        actor = actor_for(session, user, chosen=str(organisation.id))
        if actor.has(Role.FINANCE):
            return actor
    raise click.BadParameter(f"{email} is not in finance", param_hint="--by")


def _cells(found: queries.Month) -> list[str]:
    row = found.row
    return [
        row.book,
        found.name,
        row.state,
        "" if row.entries is None else str(row.entries),
        str(row.transfers),
        plain_yuan(row.turnover_fen),
        "" if found.total_fen is None else plain_yuan(found.total_fen),
        f"{row.changed_at.astimezone(UTC):%Y-%m-%d %H:%M:%S %Z}" if row.changed_at else "",
        row.changed_by,
    ]
