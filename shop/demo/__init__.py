"""`demo load`: organisations, people, stock and a little business, all of it invented and marked as such.

Everything goes through the public services, so that the demo's totals come from the ledger like any others.
"""

import click
from flask import current_app
from flask.cli import with_appcontext

from shop.db import business_day, transaction
from shop.demo import business, people


@click.group()
def demo() -> None:
    """Invented data to try the shop with."""


@demo.command()
@with_appcontext
def load() -> None:
    """Load the demo once; a second call changes nothing."""
    settings = current_app.config["SETTINGS"]
    if not settings.demo:
        click.echo(
            "This is not a demo: set GANWEI_DEMO=1 to mark every page before invented figures come in.", err=True
        )
        raise SystemExit(1)
    with transaction() as session:
        cast = people.load(session)
        if cast is None:
            click.echo("The demo is loaded already; nothing changed.")
            return
        made = business.load(session, cast, today=business_day(), payee=settings.payee)
    click.echo(f"Loaded the demo: {len(people.PEOPLE)} people, " + ", ".join(f"{n} {what}" for what, n in made.items()))
