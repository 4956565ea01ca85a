"""`flask sales ...`: sales on the command line. Exit codes: 0 done, 1 found something wrong, 2 called wrongly."""

import sys
from pathlib import Path

import click
import sqlalchemy as sa
from flask.cli import AppGroup
from flask_babel import force_locale
from rich.console import Console
from rich.progress import Progress

from shop.assistance.imports import service
from shop.assistance.imports.models import ImportStatus, SaleImport
from shop.assistance.imports.work.run import run
from shop.db import transaction
from shop.errors import ShopError
from shop.identity.actor import Actor, actor_for
from shop.identity.models import User

sales = AppGroup("sales", help="Sales made elsewhere.")


@sales.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--by", "email", required=True, help="The operator or partner's officer who answers for the sheet.")
@click.option("--all-or-nothing", is_flag=True, help="Record no row if any is rejected.")
def import_sales(file: Path, email: str, all_or_nothing: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Read a sheet of sales, CSV or XLSX, and print how many rows were accepted, duplicate and rejected."""
    with force_locale("en"):
        try:
            with transaction() as session, file.open("rb") as opened:
                actor = _actor(email)
                sheet = service.take(
                    session,
                    actor,
                    opened,
                    filename=file.name,
                    is_all_or_nothing=all_or_nothing,
                    by_worker=False,
                )
        except ShopError as error:
            raise click.ClickException(str(error)) from error
        try:
            done = _run(sheet)
        except KeyboardInterrupt:
            done = _cancel(actor, sheet)
    click.echo(f"import {done.id}: {done.status}")
    for name in ("accepted", "duplicate", "rejected", "withheld"):
        click.echo(f"{name}\t{getattr(done, name)}")
    if done.problem is not None:
        click.echo(done.problem["en"], err=True)
    if done.status is ImportStatus.CANCELLED:
        left = f"Accepted until then, and still recorded: {done.accepted}" if done.accepted else "No row was recorded"
        click.echo(f"Cancelled after row {done.seen}. {left}.", err=True)
    if done.status is not ImportStatus.DONE or done.rejected:
        sys.exit(1)


def _actor(email: str) -> Actor:
    with transaction() as session:
        user = session.scalars(sa.select(User).where(User.email == email.lower())).one_or_none()
        if user is None:
            raise click.BadParameter(f"there is no user {email}", param_hint="--by")
        return actor_for(session, user)


def _cancel(actor: Actor, sheet: SaleImport) -> SaleImport:
    """Cancel what Ctrl-C stopped, so that no worker goes on with it."""
    with transaction() as session:
        try:
            service.cancel(session, actor, sheet.id)
        except service.WrongImportState:
            click.echo("It had ended already.", err=True)
        return session.get_one(SaleImport, sheet.id, populate_existing=True)


def _run(sheet: SaleImport) -> SaleImport:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("rows", total=sheet.lines or None)
        run(sheet.id, on_progress=lambda now: bar.update(task, completed=now.seen, total=now.lines or None))
    with transaction() as session:
        return session.get_one(SaleImport, sheet.id, populate_existing=True)
