"""A little business in the books, posted straight to the ledger."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

import ledger

POSTINGS = (
    # partner, mode, channel, county, category, fen, day, kind
    ("120000", "assisted", "market", "620821", "produce", 100_01, date(2021, 3, 1), "sale"),
    ("120000", "direct", "canteen", "620821", "grain", 200_02, date(2021, 9, 30), "sale"),
    ("120000", "assisted", "market", "621202", "forest", 400_04, date(2021, 9, 30), "sale_unpaired"),
    ("370200", "assisted", "ecommerce", "621202", "herb", 800_08, date(2021, 10, 1), "sale"),
    ("C-nea", "direct", "canteen", "620821", "produce", 1600_16, date(2021, 4, 1), "order"),
    ("none", "direct", "platform", "620200", "grain", 3200_32, date(2021, 5, 1), "order"),
    ("none", "direct", "platform", "unknown", "grain", 6400_64, date(2022, 5, 1), "order_unpaired"),
)
TOTAL_FEN = sum(posting[5] for posting in POSTINGS)


def post_all(session: Session) -> None:
    """Post everything, then reverse a third of the first posting in November 2021, and commit."""
    for number, (partner, mode, channel, county, category, fen, day, kind) in enumerate(POSTINGS):
        debit, credit = ledger.partner_account(partner, mode, channel), ledger.county_account(county, category)
        name = f"sale:B-{number}" if kind.startswith("sale") else f"order:B-{number}"
        ledger.post(session, ledger.Draft("aid", name, day, name, (ledger.Leg(debit, credit, fen, kind),)))
    receipt = ledger.Leg("asset:bank:test", "liability:unallocated", 55_55, "receipt")
    ledger.post(session, ledger.Draft("cash", "receipt:R1", date(2021, 6, 1), "receipt:R1", (receipt,)))
    first = ("partner:120000:assisted:market", "county:620821:produce")
    ledger.reverse(session, "sale:B-0", new_key="sale:B-0:part", on=date(2021, 11, 1), parts={first: REVERSED_FEN})
    session.commit()


REVERSED_FEN = 33_33
NET_FEN = TOTAL_FEN - REVERSED_FEN

LEARNED = "2021-10-15"
"""The day on which the books learned of what `learn_early` leaves."""


def learn_early(superuser: sa.Engine) -> None:
    """Let the books believe that they learned of September at noon of 15 October 2021, and of the rest much later."""
    with superuser.begin() as connection:
        for table, column, moment in (
            ("ledger_entry", "posted_at", f"{LEARNED} 12:00+08"),
            ("ledger_flow", "known_on", LEARNED),
        ):
            day = "effective_on" if table == "ledger_entry" else "day"
            update = f"UPDATE {table} SET {column} = :moment WHERE {day} BETWEEN '2021-09-01' AND '2021-09-30'"  # noqa: S608  # our own names
            connection.execute(sa.text(update), {"moment": moment})
