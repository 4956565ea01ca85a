"""What a query asks for: its words as typed, or, where no product has them all, what they most likely mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product as combinations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.catalogue import search
from shop.catalogue.finding import spelling, vocabulary
from shop.catalogue.models import Product

_TRIED_MAX = 24
"""Readings of a query that are tried against the products, in one query."""
_HALF_MIN = 3
"""Letters that each half of a joined word has at least."""

Words = tuple[str, ...]
Condition = sa.SQLColumnExpression[bool]


@dataclass(frozen=True)
class Wanted:
    """What to look for. A query of nothing but signs that no name holds has no terms, and finds nothing."""

    typed: Words = ()
    terms: Words = ()
    is_blank: bool = True
    """Whether nothing was typed, so that everything is wanted."""
    is_known: bool = True
    """Whether any product has all the terms."""
    is_other: bool = False
    """Whether another word is looked for than one that was typed."""
    left_out: Words = ()
    """The typed words of which nothing is looked for."""


def resolve(session: Session, q: str) -> Wanted:
    """Return what a query asks for.

    That is all of its words where any listed product has them all. Otherwise those that no product has are taken apart
    (天水花牛苹果), read as the words that they sound or look like (`pinguo`, 静宁萍果), or left out (甘甜的花牛苹果).
    Costs no query for a blank one, one for words that are found together, else at most four.
    """
    terms = tuple(search.terms(q))
    if not terms:
        return Wanted(is_blank=not q.strip(), is_known=False)
    is_found, *are_known = _exist(session, [terms, *((term,) for term in terms)])
    if is_found or all(are_known):
        return Wanted(terms, terms, is_blank=False, is_known=is_found)
    unknown = [term for term, known in zip(terms, are_known, strict=True) if not known]
    choices = _readings(session, unknown)
    tried = _tried([choices.get(term, [(term,)]) for term in terms])
    for parts, is_known in zip(tried, _exist(session, [_joined(parts) for parts in tried]), strict=True):
        if is_known:
            return _found(terms, parts)
    return Wanted(terms, terms, is_blank=False, is_known=False)


def matching(terms: Sequence[str]) -> list[Condition]:
    """Return the conditions that a product has all these words."""
    return [Product.search_text.like(search.pattern(term)) for term in terms]


def _exist(session: Session, asked: Sequence[Words]) -> list[bool]:
    """Tell for each set of words whether any listed product has them all, in one query."""
    if not asked:
        return []
    row = session.execute(sa.select(*(sa.exists().where(Product.is_listed, *matching(terms)) for terms in asked))).one()
    return list(row)


def _readings(session: Session, unknown: Sequence[str]) -> Mapping[str, list[Words]]:
    """Return for each word what it could mean, the likeliest first, and at last nothing. Costs at most two queries."""
    cuts = {term: _cuts(term) for term in unknown}
    parts = list(dict.fromkeys(part for found in cuts.values() for part in found))
    known = {part for part, exists in zip(parts, _exist(session, parts), strict=True) if exists}
    meant = vocabulary.meant(session, unknown)
    choices: dict[str, list[Words]] = {}
    for term in unknown:
        found = [part for part in cuts[term] if part in known]
        others = [(word,) for word in meant.get(term, ())]
        if spelling.is_han(term):
            words = [piece for (piece,) in found]
            pieces = list(dict.fromkeys([tuple(words), _side_by_side(term, words)])) if words else []
            choices[term] = [*pieces, *others] if _is_covered(term, pieces) else [*others, *pieces]
        else:
            choices[term] = [*found[:_HALF_MIN], *others]
        choices[term].append(())
    return choices


def _cuts(term: str) -> list[Words]:
    """Return the parts of a word that could be looked for: pairs of Chinese signs, or a Latin word's two halves."""
    if spelling.is_han(term):
        return [(piece,) for piece in search.pieces([term]) if piece != term]
    return [(term[:place], term[place:]) for place in range(_HALF_MIN, len(term) - _HALF_MIN + 1)]


def _side_by_side(term: str, pieces: Sequence[str]) -> Words:
    """Return those pieces that do not overlap: the one in the middle of 宁县苹果 belongs to 礼县苹果."""
    kept: list[str] = []
    start = 0
    while start < len(term):
        piece = next((one for one in pieces if term.startswith(one, start)), "")
        kept += [piece] if piece else []
        start += len(piece) or 1
    return tuple(kept)


def _is_covered(term: str, pieces: Sequence[Words]) -> bool:
    """Tell whether the pieces leave out no sign, so that the word holds no slip: 天水苹果 is not 秦安苹果 misspelt."""
    rest = set(range(len(term)))
    for piece in pieces[0] if pieces else ():
        start = term.find(piece)
        rest -= set(range(start, start + len(piece)))
    return not rest


def _tried(choices: Sequence[Sequence[Words]]) -> list[tuple[Words, ...]]:
    """Return the likeliest ways to read a query, those that leave out the least first; none leaves out all of it."""
    ways = sorted(
        combinations(*(range(len(of_word)) for of_word in choices)),
        key=lambda way: (sum(not of_word[at] for of_word, at in zip(choices, way, strict=True)), sum(way)),
    )
    tried = [tuple(of_word[at] for of_word, at in zip(choices, way, strict=True)) for way in ways[:_TRIED_MAX]]
    return [parts for parts in tried if any(parts)]


def _found(terms: Words, parts: tuple[Words, ...]) -> Wanted:
    read = list(zip(terms, parts, strict=True))
    return Wanted(
        typed=terms,
        terms=_joined(parts),
        is_blank=False,
        is_other=any(word not in term for term, words in read for word in words),
        left_out=tuple(term for term, words in read if not words),
    )


def _joined(parts: Sequence[Words]) -> Words:
    return tuple(dict.fromkeys(word for words in parts for word in words))
