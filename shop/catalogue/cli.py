"""`flask reference load`: bring regions, partners, products and declared figures in line with their files."""

from pathlib import Path

import click
from flask.cli import AppGroup

from shop.catalogue.reference import load_reference
from shop.db import transaction
from shop.registry.files import BadReferenceFiles
from shop.registry.service import DATA
from shop.registry.sync import Change

_SHOWN = 20
_UNSHOWN_COLUMNS = frozenset({"search_text", "search_digest"})

reference = AppGroup("reference", help="Reference data: regions, partners, products, declared figures.")


@reference.command("load")
@click.option(
    "--dir",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=DATA,
    show_default="the files that we ship",
    help="The folder with the reference files.",
)
def load(directory: Path) -> None:
    """Load the reference files and say what changed; a bad file is refused whole. Harmless to repeat."""
    try:
        with transaction() as session:
            changes = load_reference(session, directory)
    except BadReferenceFiles as refusal:
        _report_refusal(refusal)
        raise click.exceptions.Exit(1) from None
    for change in changes:
        _report(change)
    if all(change.is_nothing for change in changes):
        click.echo("Nothing changed.")


def _report(change: Change) -> None:
    counts = f"{len(change.added)} added, {len(change.changed)} changed, {change.unchanged} unchanged"
    click.echo(f"{change.kind}: {counts}")
    for key, columns in list(change.changed.items())[:_SHOWN]:
        for column, (old, new) in columns.items():
            if column not in _UNSHOWN_COLUMNS:
                click.echo(f"  {key} {column}: {_shown(old)} -> {_shown(new)}")
    if len(change.changed) > _SHOWN:
        click.echo(f"  and {len(change.changed) - _SHOWN} more")


def _shown(value: object) -> str:
    return "unknown" if value is None else str(value)


def _report_refusal(refusal: BadReferenceFiles) -> None:
    click.echo(f"{refusal.title}.", err=True)
    for error in refusal.errors[:_SHOWN]:
        place = [error.field]
        if error.row is not None:
            place.append(f"row {error.row}")
        if error.column is not None:
            place.append(f"column {error.column}")
        value = "" if error.value is None else f" {error.value!r}"
        click.echo(f"  {', '.join(place)}:{value} {error.message}", err=True)
    if len(refusal.errors) > _SHOWN:
        click.echo(f"  and {len(refusal.errors) - _SHOWN} more", err=True)
