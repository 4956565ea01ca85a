"""Operator commands for people and organisations. Exit codes: 0 done, 1 found something wrong, 2 called wrongly."""

import sys

import click
import sqlalchemy as sa
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from shop.db import now, transaction
from shop.errors import NotFound, ShopError
from shop.identity import service
from shop.identity.models import Organisation, OrganisationKind, Role
from shop.identity.service import OrganisationDraft

user = AppGroup("user", help="People who sign in.")
organisation = AppGroup("organisation", help="Bodies that buy, help or run the platform.")


@user.command("create")
@click.option("--email", required=True, help="The address to sign in with.")
@click.option("--name", required=True, help="The name that others see.")
@click.option("--organisation", "organisation_code", metavar="CODE", help="The organisation to join.")
@click.option("--role", type=click.Choice([str(role) for role in Role]), help="The role in that organisation.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking for it.")
def create_user(
    email: str,
    name: str,
    organisation_code: str | None,
    role: str | None,
    password_stdin: bool,  # noqa: FBT001  # click passes options by name
) -> None:
    """Create a person, and give a role in an organisation where one is named."""
    if (organisation_code is None) != (role is None):
        raise click.UsageError("--organisation and --role belong together")
    password = _password(from_stdin=password_stdin)
    try:
        with transaction() as session:
            created = service.create_user(session, None, email=email, name=name, password=password)
            if organisation_code is not None and role is not None:
                service.add_membership(
                    session,
                    None,
                    user=created,
                    organisation=_organisation(session, organisation_code),
                    role=Role(role),
                    at=now(),
                )
            click.echo(f"Created user {created.email}")
    except ShopError as error:
        raise click.ClickException(str(error)) from error


@user.command("reset-totp")
@click.option("--email", required=True, help="Whose second factor to forget.")
def reset_totp(email: str) -> None:
    """Forget a person's second factor, and end the person's sessions and tokens."""
    try:
        with transaction() as session:
            service.reset_totp(session, None, email=email, at=now())
    except ShopError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Reset the second factor of {email}; it can be set up again after the next sign-in")


@organisation.command("create")
@click.option("--code", required=True, help="Names it in the ledger; never changes.")
@click.option("--name", required=True, help="The name that others see.")
@click.option("--kind", required=True, type=click.Choice([str(kind) for kind in OrganisationKind]))
@click.option("--partner", metavar="CODE", help="The partner to which its purchases are credited.")
@click.option("--channel", metavar="CODE", help="The channel of its purchases.")
@click.option("--credit-limit-fen", type=click.IntRange(min=0), default=0, show_default=True)
def create_organisation(**options: str | int | None) -> None:
    """Create an organisation."""
    draft = OrganisationDraft(
        code=str(options["code"]),
        name=str(options["name"]),
        kind=OrganisationKind(str(options["kind"])),
        partner_code=_text(options["partner"]),
        channel_code=_text(options["channel"]),
        credit_limit_fen=int(options["credit_limit_fen"] or 0),
    )
    try:
        with transaction() as session:
            service.create_organisation(session, None, draft)
    except ShopError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Created organisation {draft.code}")


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _organisation(session: Session, code: str) -> Organisation:
    found = session.scalar(sa.select(Organisation).where(Organisation.code == code))
    if found is None:
        raise NotFound(f"there is no organisation {code}")
    return found
