"""Drafts for tests: one call each, overriding only what matters."""

from datetime import date

from ledger import Draft, Leg, county_account, partner_account

DAY = date(2021, 9, 3)
TIANJIN = partner_account("120000", "direct", "canteen")
LINTAO = county_account("621124", "herb")
CLEARING = "asset:clearing:stripe"
PREPAID = "liability:prepaid"


def a_leg(amount_fen: int = 1000, *, debit: str = TIANJIN, credit: str = LINTAO, kind: str = "sale") -> Leg:
    """Make a leg of assistance from Tianjin to a county."""
    return Leg(debit, credit, amount_fen, kind)


def a_sale(key: str = "sale:1", *legs: Leg, on: date = DAY, source: str = "order:1", memo: str = "") -> Draft:
    """Make a draft in the book of assistance; without legs it has one of 10 yuan."""
    return Draft("aid", key, on, source, legs or (a_leg(),), memo)


def a_payment(key: str = "payment:1", amount_fen: int = 1000, *, on: date = DAY) -> Draft:
    """Make a draft in the book of money: a customer has prepaid."""
    return Draft("cash", key, on, "order:1", (Leg(CLEARING, PREPAID, amount_fen, "capture"),))
