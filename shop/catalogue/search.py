"""What the search looks in and for: Chinese words, pinyin and initials, each between blanks.

A Latin term matches where a token begins (`huaniu`, `pingguo`, `hnpg`), a Chinese one anywhere (`苹果`, `牛苹`). jieba
cuts the words of what is stored; its dictionary takes a second to load, so that happens only in a load that changes
products, never to serve a page.
"""

import hashlib
import logging
import re
import tempfile
import unicodedata
import warnings
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

VERSION = "3"
"""Of `search_text`. Raise it when the making of the text changes, and the next reload makes all anew."""

SYNONYMS = (
    ("马铃薯", "土豆", "洋芋"),
    ("玉米", "苞谷"),
    ("辣椒", "辣子"),
    ("番茄", "西红柿"),
    ("胡麻油", "亚麻籽油"),
    ("猕猴桃", "奇异果"),
)
"""Names of one thing: what a product is called, what the rest of China says, what Gansu says."""

MAX_QUERY_LENGTH = 60
_MAX_TERMS = 8
_PAIR = 2
_HAN = re.compile(r"[\u3400-\u9fff]+")
_TERM = re.compile(r"[\u3400-\u9fff]+|[a-z0-9]+")
_TONES = re.compile(r"\b(?:[a-z]+[1-5])+\b")
_APOSTROPHE = re.compile(r"(?<=[a-z])['’](?=[a-z])")
_PLACE_KIND = re.compile(r"(?<=..)(?:(?:(?:回|藏|裕固|东乡|哈萨克|蒙古|保安|撒拉)族)*自治[州县]|[市州县区])$")
_INITIAL_U = str.maketrans({"ü": "v"})


def toneless(pinyin: str) -> str:
    """Return pinyin with neither tones nor marks, its syllables between blanks; ü becomes v as on a keyboard."""
    kept = (sign for sign in unicodedata.normalize("NFD", pinyin.lower()) if sign == "\u0308" or not _is_mark(sign))
    return unicodedata.normalize("NFC", "".join(kept)).translate(_INITIAL_U)


def search_text(*, name: str, pinyin: str, name_en: str, places: Iterable[tuple[str, str]], kind: str) -> str:
    """Return the text in which a product is found.

    Args:
        name: the product's name.
        pinyin: its pinyin, syllables between blanks.
        name_en: its English name.
        places: name and pinyin of its county and its prefecture.
        kind: the name of its category.
    """
    syllables = toneless(pinyin).split()
    cut = words(name)
    tokens = [name, *cut, *_readings_from_each(syllables), *_readings_of_words(name, cut, syllables)]
    tokens += [*_half_initials(syllables), *_TERM.findall(normalise(name_en))]
    for other in _other_names(name):
        tokens += [other, *_readings(_pinyin(other))]
    for place, place_pinyin in places:
        # The register's pinyin knows that 宕昌 reads Tanchang; only the initials come from the dictionary.
        tokens += [place, _PLACE_KIND.sub("", place), *toneless(place_pinyin).split()[:1], *_readings(_pinyin(place))]
    tokens += [kind, *_readings(_pinyin(kind))]
    return " " + " ".join(dict.fromkeys(normalise(token) for token in tokens if token)) + " "


def digest(parts: Mapping[str, object]) -> str:
    """Return a digest of what a search text is made from, and of how."""
    return hashlib.sha256(repr((VERSION, sorted(parts.items()))).encode()).hexdigest()[:32]


def normalise(text: str) -> str:
    """Return text as it is compared: full width made half, capitals small; pinyin without tones or apostrophes.

    Tones are dropped as marks (`bǎihé`) and as digits (`bai3he2`): a wrong one is as good as a right one.
    """
    plain = _APOSTROPHE.sub("", toneless(unicodedata.normalize("NFKC", text)))
    return _TONES.sub(lambda found: re.sub(r"\d", "", found[0]), plain).strip()


def terms(query: str) -> list[str]:
    """Return what a query asks for: runs of Chinese signs and runs of letters or digits, all of which must match."""
    return list(dict.fromkeys(_TERM.findall(normalise(query[:MAX_QUERY_LENGTH]))))[:_MAX_TERMS]


def pattern(term: str) -> str:
    """Return the LIKE pattern of one of `terms`, which hold no sign that LIKE reads as a wildcard."""
    return f"%{term}%" if _HAN.match(term) else f"% {term}%"


def pieces(terms: Iterable[str]) -> list[str]:
    """Return the terms with longer Chinese ones cut into overlapping pairs of signs.

    Pairs need no dictionary, which does not know 花牛 anyway, and one that joins two words is in no product's text.
    """
    return list(
        dict.fromkeys(
            piece
            for term in terms
            for piece in (
                [term[start : start + _PAIR] for start in range(len(term) - 1)]
                if _HAN.match(term) and len(term) > _PAIR
                else [term]
            )
        )
    )


def words(text: str) -> list[str]:
    """Return the Chinese words of two signs or more in a text, with the shorter ones inside longer ones."""
    cut = _tokenizer().cut_for_search(normalise(text))
    return list(dict.fromkeys(word for word in cut if len(word) > 1 and _HAN.fullmatch(word)))


def _other_names(name: str) -> list[str]:
    return [other for group in SYNONYMS for held in group if held in name for other in group if other != held]


def _readings(syllables: list[str]) -> list[str]:
    """Return the joined pinyin and the initials."""
    return ["".join(syllables), "".join(part[0] for part in syllables)] if syllables else []


def _readings_from_each(syllables: list[str]) -> list[str]:
    """Return the readings from each syllable on: who knows 苹果 need not know 花牛. ü is typed as v or as u."""
    spellings = [syllables, [part.replace("v", "u") for part in syllables]]
    return [token for one in spellings for start in range(len(one)) for token in _readings(one[start:])]


def _readings_of_words(name: str, cut: Iterable[str], syllables: list[str]) -> list[str]:
    """Return the pinyin of each word within a name, from the name's own syllables: the dictionary misreads names."""
    places = ((name.find(word), word) for word in cut)
    return ["".join(syllables[start : start + len(word)]) for start, word in places if start >= 0]


def _half_initials(syllables: list[str]) -> list[str]:
    """Return the readings whose first or last part is initials only: `lzbaihe` and `lanzhoubh`."""
    initials = [syllable[0] for syllable in syllables]
    return [
        "".join(first[:cut] + last[cut:])
        for cut in range(1, len(syllables))
        for first, last in ((initials, syllables), (syllables, initials))
    ]


def _pinyin(text: str) -> list[str]:
    from pypinyin import lazy_pinyin  # noqa: PLC0415  # its dictionary loads for a reload only

    return [syllable for syllable in lazy_pinyin(text) if syllable.isascii() and syllable.isalpha()]


@cache
def _tokenizer() -> Any:  # noqa: ANN401  # jieba ships no types
    with warnings.catch_warnings():
        # Where setuptools is installed jieba asks it for a path, and setuptools warns that it is old.
        warnings.simplefilter("ignore")
        import jieba  # noqa: PLC0415  # see the module's docstring

    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    # jieba would trust a cache in the common temporary directory, where anybody may put one: give it an empty one.
    with tempfile.TemporaryDirectory() as empty:
        tokenizer.tmp_dir = empty
        tokenizer.initialize()
    return tokenizer


def _is_mark(sign: str) -> bool:
    return unicodedata.combining(sign) != 0
