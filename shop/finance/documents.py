"""From a transfer to the document behind it, and from an account's code to words."""

from dataclasses import dataclass

from flask import url_for
from flask_babel import gettext, lazy_gettext

from shop.finance.queries import named
from shop.registry.queries import Names

_CASH_LABELS = {
    "asset:clearing:stripe": lazy_gettext("在途资金（Stripe）"),
    "liability:prepaid": lazy_gettext("预收货款"),
    "liability:unallocated": lazy_gettext("待认领款项"),
    "income:commission": lazy_gettext("平台服务费收入"),
    "income:freight": lazy_gettext("运费收入"),
    "expense:payment_fee": lazy_gettext("支付手续费"),
}
_CASH_KINDS = {
    "asset:bank": lazy_gettext("银行存款"),
    "asset:receivable": lazy_gettext("应收（挂账单位）"),
    "liability:supplier": lazy_gettext("应付供货方"),
}
_DIMENSIONS: dict[str, tuple[str, ...]] = {
    "partner": ("partner", "mode", "channel"),
    "county": ("county", "category"),
}


@dataclass(frozen=True)
class Document:
    """What a transfer's source names: its label, and its page if it has one."""

    label: str
    url: str | None


def document_of(source: str) -> Document:
    """Resolve a source such as "order:7KQ2", "sale:T-001" or "receipt:BR8"."""
    kind, _, rest = source.partition(":")
    document_id = rest.partition(":")[0]
    if kind == "order" and document_id:
        return Document(gettext("订单 %(id)s", id=document_id), url_for("orders.order_page", number=document_id))
    if kind == "sale" and document_id:
        url = url_for("assistance.sale_page", reference=document_id)
        return Document(gettext("站外销售 %(id)s", id=document_id), url)
    if kind == "receipt" and document_id:
        return Document(gettext("收款 %(id)s", id=document_id), url_for("payments.receipt_page", number=document_id))
    return Document(source, None)


def account_label(names: Names, code: str) -> str:
    """Return an account's code in words, such as "天津市 · 帮助销售 · 商超"; the code itself when it has none."""
    kind, *parts = code.split(":")
    dimensions = _DIMENSIONS.get(kind)
    if dimensions is None:
        return _cash_label(code)
    return " · ".join(named(names, name, part)["name"] for name, part in zip(dimensions, parts, strict=True))


def _cash_label(code: str) -> str:
    if code in _CASH_LABELS:
        return str(_CASH_LABELS[code])
    kind, _, identifier = code.rpartition(":")
    return f"{_CASH_KINDS[kind]} · {identifier}" if kind in _CASH_KINDS else code
