"""What the commands of the books share: English, tables, progress."""

import csv
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec, Self

import click
from flask.cli import with_appcontext
from flask_babel import force_locale
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from shop.finance import queries
from shop.finance.tables import guarded

P = ParamSpec("P")


def in_english(command: Callable[P, None]) -> Callable[P, None]:
    """Run a command in the application, with the registry's English names and English refusals."""

    @with_appcontext
    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with force_locale("en"):
            command(*args, **kwargs)

    return run


class ProgressBars:
    """One bar a step on a terminal; nothing in a pipe, where the printed lines are enough."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        # What is printed meanwhile stands above the bars, but in a file if that is where it goes.
        self._progress = Progress(console=console, transient=True, redirect_stdout=sys.stdout.isatty())
        self._tasks: dict[str, TaskID] = {}
        self._is_shown = console.is_terminal

    def __enter__(self) -> Self:
        if self._is_shown:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            self._progress.stop()

    def update(self, step: str, done: int, total: int) -> None:
        """Move the bar of a step."""
        if self._is_shown:
            if step not in self._tasks:
                self._tasks[step] = self._progress.add_task(step)
            # What has no rows is done.
            self._progress.update(self._tasks[step], completed=done if total else 1, total=total or 1)


def data_kind() -> str:
    """Say whether the figures are invented."""
    return "DEMO DATA, invented" if queries.is_demo() else "real data"


def write_csv(headings: Sequence[str], rows: Sequence[Sequence[str]], *, labels: int) -> None:
    """Write CSV whose first cells, `labels` of them, cannot become formulas."""
    writer = csv.writer(sys.stdout)
    writer.writerow(headings)
    # Figures may be negative; only what people named could be a formula.
    writer.writerows([*map(guarded, row[:labels]), *row[labels:]] for row in rows)


def write(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table on a terminal, lines with tabs into a pipe."""
    if not sys.stdout.isatty():
        for row in (headings, *rows):
            click.echo("\t".join(row))
        return
    table = Table(*headings)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
