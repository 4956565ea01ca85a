"""A card of a home page: one figure, what it is, and where it leads."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """One figure. `tone` is empty, `warning` where somebody should act, `danger` where something is wrong."""

    label: str
    url: str
    count: int | None = None
    amount_fen: int | None = None
    text: str = ""
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Group:
    """Cards under one heading."""

    title: str
    cards: list[Card]
