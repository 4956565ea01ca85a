"""`flask ledger verify` and `flask ledger seal`."""

import re
import sys

import click

import ledger as books
from shop.db import db, transaction
from shop.finance import agreement
from shop.finance.agreement import record
from shop.finance.cli.output import ProgressBars, in_english

_SEAL = re.compile(r"(\d{1,18})(?::([0-9a-f]{64}))?", re.ASCII | re.IGNORECASE)


@click.command()
@in_english
@click.option(
    "--since",
    metavar="SEQ[:HASH]",
    help="Check what was sealed after this seal, or waits. With its hash, as `ledger seal` printed it, nothing up to it"
    " can have been changed unseen.",
)
def verify(*, since: str | None) -> None:
    """Recompute both books from their rows and from the documents; name every bad row."""
    seq, is_as_kept = _kept_seal(since)
    with db.sessionmaker() as session, ProgressBars() as bars:
        verdict = agreement.verify(session, since=seq, on_progress=bars.update, on_problem=_tell)
    if seq is None:
        with transaction() as session:
            record.keep(session, None, verdict)
    problems = {problem.check: problem for problem in verdict.problems}
    for check, rows in verdict.checked.items():
        problem = problems.get(check)
        if problem is None:
            click.echo(f"ok     {check}: {rows} rows")
        else:
            click.echo(f"WRONG  {check}: {problem.count} of {rows}; first: {problem.row}: {problem.message}")
    if not (verdict.ok and is_as_kept):
        sys.exit(1)
    click.echo("The books agree." if seq is None else f"The books agree since seal {seq}.")


@click.command()
@in_english
def seal() -> None:
    """Seal every entry that waits, and print the last seal: keep it, to give it to `verify --since` later."""
    sealed, waiting = 0, books.head(db.session).waiting
    with ProgressBars() as bars:
        while True:
            with transaction() as session:
                count = books.seal(session).count
            if not count:
                break
            sealed += count
            bars.update("seal", sealed, max(waiting, sealed))
    head = books.head(db.session)
    click.echo(f"sealed {sealed}; waiting {head.waiting}")
    click.echo(f"{head.seq}:{head.hash.hex()}")


def _tell(problem: books.Problem) -> None:
    click.echo(f"found  {problem.check}: {problem.row}: {problem.message}")


def _kept_seal(text: str | None) -> tuple[int | None, bool]:
    """Return after which seal to check, and whether that one is as it was kept; if not, everything is checked."""
    if text is None:
        return None, True
    match = _SEAL.fullmatch(text.strip())
    if match is None:
        raise click.BadParameter("give a number, or SEQ:HASH as `ledger seal` prints it", param_hint="--since")
    seq, kept = int(match[1]), match[2]
    stored = books.seal_at(db.session, seq)
    if stored is None:
        click.echo(f"WRONG  since: there is no seal {seq}; the last is {books.head(db.session).seq}")
    elif kept is not None and bytes.fromhex(kept) != stored:
        click.echo(f"WRONG  since: seal {seq} is {stored.hex()} in the books, {kept} was kept")
    else:
        return seq, True
    return None, False
