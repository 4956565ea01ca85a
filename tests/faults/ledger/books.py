"""What the books say, without ids and instants, and whether they hold together."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

import ledger

Rows = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class State:
    """All that a ledger holds. Two of the same history are equal."""

    entries: Rows
    transfers: Rows
    flow: Rows
    flow_months: Rows
    accounts: Rows
    periods: Rows
    sealed: Rows
    waiting: Rows

    def differences(self, other: "State") -> Iterator[str]:
        """Say in which tables two states differ."""
        for name, rows in vars(self).items():
            if rows != getattr(other, name):
                yield f"{name}: {rows} instead of {getattr(other, name)}"


_FACTS = """(
    SELECT id, key AS name FROM ledger_entry
    UNION ALL
    SELECT id, concat_ws(' ', book, month, number) FROM ledger_period
) fact"""
_NAMES = f"SELECT name FROM {_FACTS}"  # noqa: S608 -- our own words
# What a mirror's hash covers includes the id of the original.
_QUERIES = {
    "entries": """
        SELECT entry.key, entry.book, entry.effective_on, entry.occurred_on, entry.posted_by, entry.source,
            entry.memo, original.key, CASE WHEN original.id IS NULL THEN encode(entry.payload_hash, 'hex') END
        FROM ledger_entry entry LEFT JOIN ledger_entry original ON original.id = entry.reverses ORDER BY 1
    """,
    "transfers": """
        SELECT entry.key, debit.code, credit.code, transfer.amount_fen, transfer.effective_on, transfer.kind,
            transfer.source
        FROM ledger_transfer transfer
        LEFT JOIN ledger_entry entry ON entry.id = transfer.entry_id
        LEFT JOIN ledger_account debit ON debit.id = transfer.debit_account
        LEFT JOIN ledger_account credit ON credit.id = transfer.credit_account
        ORDER BY 1, 2, 3, 6
    """,
    "flow": """
        SELECT debit.code, credit.code, flow.day, flow.kind, sum(flow.count), sum(flow.amount_fen)
        FROM ledger_flow flow
        JOIN ledger_account debit ON debit.id = flow.debit_account
        JOIN ledger_account credit ON credit.id = flow.credit_account
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    """,
    "flow_months": """
        SELECT debit.code, credit.code, flow.month, flow.kind, flow.count, flow.amount_fen
        FROM ledger_flow_month flow
        JOIN ledger_account debit ON debit.id = flow.debit_account
        JOIN ledger_account credit ON credit.id = flow.credit_account
        ORDER BY 1, 2, 3, 4
    """,
    "accounts": "SELECT book, code FROM ledger_account ORDER BY 1, 2",
    "periods": """
        SELECT book, month, number, state, changed_by, reason, entries, transfers, turnover_fen
        FROM ledger_period ORDER BY 1, 2, 3
    """,
    "sealed": f"SELECT fact.name FROM {_FACTS} JOIN ledger_seal ON fact_id = fact.id ORDER BY 1",  # noqa: S608 -- our own words
    "waiting": f"""
        SELECT fact.name
        FROM {_FACTS} JOIN ledger_unsealed range ON fact.id BETWEEN range.first_fact AND range.last_fact
        WHERE NOT EXISTS (SELECT FROM ledger_seal WHERE fact_id = fact.id) ORDER BY 1
    """,  # noqa: S608 -- our own words
}


def read(session: Session) -> State:
    """Read the books as they are."""
    return State(
        **{name: tuple(tuple(row) for row in session.execute(text(query))) for name, query in _QUERIES.items()}
    )


def seal_all(session: Session) -> None:
    """Seal until nothing waits."""
    while ledger.seal(session).count:
        session.commit()
    session.commit()


def check(session: Session) -> State:
    """Assert that sealed books hold together, and read them: all of it has a seal, without a gap, and is verified."""
    state = read(session)
    assert sorted(name for (name,) in state.sealed) == sorted(name for (name,) in session.execute(text(_NAMES)))
    numbers = session.execute(text("SELECT seq FROM ledger_seal ORDER BY seq")).scalars().all()
    assert numbers == list(range(1, len(state.sealed) + 1))
    assert session.execute(text("SELECT count(*) FROM ledger_unsealed")).scalar_one() == 0
    verdict = ledger.verify(session)
    assert verdict.ok, verdict.problems
    return state
