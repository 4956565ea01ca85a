"""The search over the products that we ship: what was typed, and what has to come first."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from shop.catalogue import queries
from shop.catalogue.finding import vocabulary
from shop.catalogue.finding.filters import ProductFilters
from shop.catalogue.finding.matching import resolve
from shop.catalogue.models import SearchWord
from tests.catalogue.test_queries import count_queries

FIRST = {
    # Chinese: the name, its beginning, its end, a word of it
    "兰州百合": "兰州百合", "百合": "兰州百合", "静宁苹果": "静宁苹果", "花牛": "花牛苹果", "当归": "哈达铺当归",
    "党参": "陇西白条党参", "黄芪": "陇西黄芪", "牛肉面": "兰州牛肉面(预包装)", "甘草": "甘草杏",
    "百合干": "兰州百合干", "洮砚": "洮砚", "核桃": "成县核桃",
    # pinyin: whole, in parts, with tones right and wrong, from the middle
    "lanzhou baihe": "兰州百合", "lanzhoubaihe": "兰州百合", "lan zhou bai he": "兰州百合",
    "lán zhōu bǎi hé": "兰州百合", "làn zhǒu bāi hē": "兰州百合", "lan2zhou1 bai3he2": "兰州百合",
    "LanZhou BaiHe": "兰州百合", "baihe": "兰州百合", "minxian danggui": "岷县当归", "qin'an huajiao": "秦安花椒",
    "qinan huajiao": "秦安花椒", "longnan lvcha": "陇南绿茶", "longnan lucha": "陇南绿茶", "lǜchá": "陇南绿茶",
    "tanchang dangshen": "宕昌党参",
    # initials, half initials, mixed with Chinese
    "lzbh": "兰州百合", "LZBH": "兰州百合", "hnpg": "花牛苹果", "jnpg": "静宁苹果", "lznrm": "兰州牛肉面(预包装)",
    "静宁pg": "静宁苹果", "静宁pingguo": "静宁苹果", "jingning苹果": "静宁苹果", "jn苹果": "静宁苹果",
    "lzbaihe": "兰州百合", "lanzhoubh": "兰州百合", "lz百合": "兰州百合",
    # English
    "huaniu apple": "花牛苹果", "lily bulb": "兰州百合", "Sichuan pepper": "积石山花椒",
    # words put together, and words of a sentence
    "天水花牛苹果": "花牛苹果", "甘甜的花牛苹果": "花牛苹果", "岷县的当归多少钱": "岷县当归",
    "定西洋芋": "定西马铃薯",
    # a missing, an extra, a wrong, two swapped letters
    "lanzou baihe": "兰州百合", "lanzhuo baihe": "兰州百合", "lanzhou bahe": "兰州百合", "lanzhou baihhe": "兰州百合",
    "lanzhoubaihr": "兰州百合", "huanui pingguo": "花牛苹果", "huaniu pinguo": "花牛苹果",
    "jingnin pinguo": "静宁苹果", "jinning pingguo": "静宁苹果", "minxian dangui": "岷县当归",
    "weiyuan dansheng": "渭源党参", "longxi huanqi": "陇西黄芪", "wudu huajao": "武都花椒",
    "zhuanlang pinguo": "庄浪苹果", "tianzu limai": "天祝藜麦", "静宁pinguo": "静宁苹果",
    "diebu yangdujn": "迭部羊肚菌", "potatoe dingxi": "定西马铃薯", "linxia zuandiao": "临夏砖雕摆件",
    # a wrong Chinese sign: of the same sound, of another, and the traditional one
    "兰洲百合": "兰州百合", "静宁萍果": "静宁苹果", "花扭苹果": "花牛苹果", "岷县当贵": "岷县当归",
    "陇西黄岐": "陇西黄芪", "蘭州百合": "兰州百合", "静宁苹课": "静宁苹果", "敦煌李光杏": "敦煌李广杏",
}  # fmt: skip
"""What is typed, and the product that must stand first."""


@pytest.fixture(autouse=True)
def _request_context(app: Flask) -> Iterator[None]:
    """Give the views a request, for the addresses in them."""
    with app.test_request_context():
        yield


def names(session: Session, q: str) -> list[str]:
    return [product.name for product in queries.product_list(session, ProductFilters(q=q), 1, 200).items]


@pytest.mark.parametrize(("q", "first"), FIRST.items())
def test_what_is_meant_stands_first(session: Session, q: str, first: str) -> None:
    assert names(session, q)[:1] == [first]


class TestRank:
    def test_is_name_then_beginning_then_word_then_pinyin_then_what_is_only_near(self, session: Session) -> None:
        found = names(session, "兰州百合")

        assert found[:2] == ["兰州百合", "兰州百合干"]
        assert names(session, "苹果")[0].endswith("苹果")
        assert names(session, "baihe").index("兰州百合") < names(session, "baihe").index("兰州百合干")

    def test_is_the_same_for_stock_and_season_alike(self, session: Session) -> None:
        assert names(session, "huaniupingguo")[0] == names(session, "花牛苹果")[0] == "花牛苹果"


class TestResolve:
    @pytest.mark.parametrize("q", ["兰州百合", "静宁pg", "苹", "lzbh"])
    def test_takes_what_is_there_as_it_was_typed(self, session: Session, q: str) -> None:
        wanted = resolve(session, q)

        assert (wanted.is_known, wanted.is_other, wanted.left_out, wanted.terms) == (True, False, (), wanted.typed)

    def test_tells_what_it_read_instead(self, session: Session) -> None:
        wanted = resolve(session, "lanzou baihe")

        assert (wanted.is_other, wanted.terms) == (True, ("lanzhou", "baihe"))

    def test_tells_what_it_left_out(self, session: Session) -> None:
        wanted = resolve(session, "火龙 苹果")

        assert (wanted.is_other, wanted.left_out, wanted.terms) == (False, ("火龙",), ("苹果",))

    def test_does_not_take_two_words_together_for_another_misspelt(self, session: Session) -> None:
        wanted = resolve(session, "宁县苹果")

        assert (wanted.terms, wanted.is_other) == (("宁县", "苹果"), False)

    def test_keeps_words_that_exist_though_nothing_has_them_all(self, session: Session) -> None:
        wanted = resolve(session, "静宁 百合")

        assert (wanted.is_known, wanted.terms) == (False, ("静宁", "百合"))
        assert names(session, "静宁 百合") == []

    @pytest.mark.parametrize(
        "q",
        ["%", "_", "%_%", "'", "''; DROP TABLE product; --", '"', "\\",
         "x" * 5000, "百" * 5000, "😀🍎", "😀百合", "(", "[", "&|",
         "\u200b", "  ", "\ud83c", "０１２", "ü" * 60, "1" * 60, "a b c d e f g h i j k",
         "žž", "的", "qqqq wwww zzzz xxxx"],
    )  # fmt: skip
    def test_bears_anything(self, session: Session, q: str) -> None:
        with count_queries(session) as statements:
            resolve(session, q)

        assert len(statements) <= 4
        assert "定西马铃薯" not in names(session, q) or not q.strip()

    @pytest.mark.parametrize(
        ("q", "most"), [("", 0), ("苹果", 1), ("天水花牛苹果", 4), ("lanzou baihe pinguo dangui", 4)]
    )
    def test_costs_few_queries(self, session: Session, q: str, most: int) -> None:
        with count_queries(session) as statements:
            resolve(session, q)

        assert len(statements) <= most


class TestVocabulary:
    def test_holds_the_words_of_the_products_and_no_others(self, session: Session) -> None:
        stored = set(session.scalars(sa.select(SearchWord.word)))
        session.add(SearchWord(word="gone", keys=["gone"], products=1))
        session.flush()

        vocabulary.rebuild(session)

        assert set(session.scalars(sa.select(SearchWord.word))) == stored
        assert {"baihe", "兰州百合", "lanzhou"} <= stored
        session.rollback()
