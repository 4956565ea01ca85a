"""The words that products are found by, kept as a table, and those of them that a misspelt word could be."""

from collections import Counter
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.catalogue.finding import spelling
from shop.catalogue.models import Product, SearchWord
from shop.registry.sync import sync

_MEANT_MAX = 3
_SHARING_MAX = 200
"""Words that one key may lead to; beyond it the least known are left out."""


def rebuild(session: Session) -> None:
    """Bring the table of words in line with the products, in the caller's transaction."""
    counts: Counter[str] = Counter()
    for (text,) in session.execute(sa.select(Product.search_text)):
        counts.update(set(text.split()))
    rows = [
        {"word": word, "keys": keys, "products": count}
        for word, count in sorted(counts.items())
        if (keys := spelling.keys(word))
    ]
    sync(session, SearchWord, rows, key=("word",))
    wanted = {row["word"] for row in rows}
    gone = [word for word in session.scalars(sa.select(SearchWord.word)) if word not in wanted]
    if gone:
        session.execute(sa.delete(SearchWord).where(SearchWord.word.in_(gone)))


def meant(session: Session, unknown: Iterable[str]) -> dict[str, list[str]]:
    """Return for each misspelt word the few words that it could be, the likeliest first. Costs at most one query."""
    asked = {word: keys for word in unknown if (keys := spelling.keys(word))}
    if not asked:
        return {}
    every_key = sorted({key for keys in asked.values() for key in keys})
    shared = session.execute(
        sa.select(SearchWord.word, SearchWord.products)
        .where(SearchWord.keys.overlap(every_key))
        .order_by(SearchWord.products.desc(), SearchWord.word)
        .limit(_SHARING_MAX)
    ).all()
    return {word: _likeliest(word, [(found, count) for found, count in shared]) for word in asked}


def _likeliest(typed: str, words: list[tuple[str, int]]) -> list[str]:
    ranked = sorted(
        (slips, found[:1] != typed[:1], -count, len(found), found)
        for found, count in words
        if spelling.is_han(found) == spelling.is_han(typed) and (slips := spelling.slips(typed, found)) is not None
    )
    return [found for *_, found in ranked[:_MEANT_MAX]]
