"""Operator commands. Exit codes: 0 done, 1 found something wrong, 2 called wrongly."""

from pathlib import Path

from flask import Flask

from shop.assistance.imports.cli import sales
from shop.catalogue.cli import reference
from shop.demo import demo
from shop.finance.cli import ledger
from shop.identity.cli import organisation, user
from shop.jobs.cli import jobs
from shop.operations.cli import backup, restore

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def register(app: Flask) -> None:
    """Add every command group to `flask`."""
    for command in (reference, demo, user, organisation, ledger, sales, jobs, backup, restore):
        app.cli.add_command(command)
