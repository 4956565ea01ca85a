"""The words for the catalogue's codes, in the reader's language."""

from flask_babel import lazy_gettext

from shop.catalogue.models import BrandStatus

STORAGE_LABELS = {
    "常温": lazy_gettext("常温"),
    "冷藏": lazy_gettext("冷藏"),
    "冷冻": lazy_gettext("冷冻"),
}
BRAND_LABELS = {
    BrandStatus.IN_CATALOGUE: lazy_gettext("列入“甘味”知名农产品目录"),
    BrandStatus.LEFT_CATALOGUE: lazy_gettext("已调出“甘味”目录"),
    BrandStatus.UNKNOWN: "",
}
SORT_LABELS = {
    "relevance": lazy_gettext("综合"),
    "season": lazy_gettext("当季优先"),
    "price": lazy_gettext("价格从低到高"),
    "-price": lazy_gettext("价格从高到低"),
    "unit_price": lazy_gettext("单价最低"),
    "pinyin": lazy_gettext("拼音"),
}
