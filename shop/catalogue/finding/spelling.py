"""Which words could be meant by one that no product has. Pure but for the table of readings, read when first needed.

A word is filed under keys, and two words that share a key may be meant for each other: the word with any one sign left
out, which catches a missing, an extra, a wrong and two swapped signs; and its sound, in which what many speakers do not
tell apart is one (zh and z, ing and in, n and l), so that a wrong Chinese sign of the right sound finds its way too.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from shop.catalogue.search import toneless

_LATIN_LENGTH_MIN = 4
_HAN_LENGTH_MIN = 3
LENGTH_MAX = 24
_SHORT = 7
"""Up to this length a Latin word may have one slip, beyond it two."""
_SOUND = "~"
_HAN = re.compile(r"[\u3400-\u9fff]+")
_FOLDED = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ng", "n"), ("l", "n"))
_VOWEL = re.compile(r"[aeiouv]")


def is_han(word: str) -> bool:
    """Tell whether a word is written in Chinese signs."""
    return _HAN.fullmatch(word) is not None


def keys(word: str) -> list[str]:
    """Return the keys of a word; none for what is too short to guess at, or initials, whose slips are others'."""
    if len(word) > LENGTH_MAX:
        return []
    if is_han(word):
        edits = _shortened(word) if len(word) >= _HAN_LENGTH_MIN else set()
        sound = reading(word) if len(word) > 1 else ""
    elif len(word) >= _LATIN_LENGTH_MIN and word.isalpha() and _VOWEL.search(word):
        edits, sound = _shortened(word), word
    else:
        return []
    return sorted(edits | {_SOUND + fold(sound)} if sound else edits)


def fold(pinyin: str) -> str:
    """Return pinyin without the differences that many speakers do not make."""
    for sign, other in _FOLDED:
        pinyin = pinyin.replace(sign, other)
    return pinyin


def reading(word: str) -> str:
    """Return the joined pinyin of Chinese signs, each by its most common reading; empty where one has none known."""
    syllables = [_readings().get(sign, "") for sign in word]
    return "".join(syllables) if all(syllables) else ""


def slips(typed: str, word: str) -> int | None:
    """Return how far a word is from what was typed, 0 for the same sound; None where it is too far to be meant."""
    sounds = (reading(typed), reading(word)) if is_han(typed) else (typed, word)
    if sounds[0] and fold(sounds[0]) == fold(sounds[1]):
        return 0
    found = distance(typed, word)
    return found if found <= (2 if len(typed) > _SHORT else 1) else None


def distance(one: str, other: str) -> int:
    """Return how many signs to add, drop, change or swap with their neighbour turn one word into the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, sign in enumerate(one, start=1):
        before, last, row = row, before, [i]
        for j, wanted in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (sign != wanted))
            if i > 1 and j > 1 and sign == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _shortened(word: str) -> set[str]:
    return {word} | {word[:place] + word[place + 1 :] for place in range(len(word))}


@cache
def _readings() -> dict[str, str]:
    """Return the most common toneless reading of each Chinese sign.

    Only pypinyin's table of signs is read: the library itself would load a dictionary of phrases of sixty megabytes.
    """
    return dict(_signs())


def _signs() -> Iterator[tuple[str, str]]:
    spec = find_spec("pypinyin")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("pypinyin is not installed")
    table = Path(next(iter(spec.submodule_search_locations))) / "pinyin_dict.json"
    syllables: dict[str, str] = {}
    for code, readings in json.loads(table.read_bytes()).items():
        first = readings.split(",", 1)[0]
        if first not in syllables:
            syllables[first] = toneless(first)
        yield chr(int(code)), syllables[first]
