"""From a transfer to the document behind it, and from an account's code to words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from flask import url_for
from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session

import ledger
from shop.catalogue.models import Producer
from shop.finance.queries import named
from shop.identity.models import Organisation
from shop.registry import queries as registry
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


@dataclass(frozen=True)
class TransferLine:
    """A transfer in words. In the assistance book a mirror takes back, so its amount shows negative."""

    transfer: ledger.TransferRow
    debit: str
    credit: str
    document: Document

    @property
    def shown_fen(self) -> int:
        """The amount as the totals count it."""
        takes_back = self.transfer.book == "aid" and self.transfer.reverses is not None
        return -self.transfer.amount_fen if takes_back else self.transfer.amount_fen


def transfer_lines(session: Session, rows: Sequence[ledger.TransferRow]) -> list[TransferLine]:
    """Return transfers in words, each with the document behind it."""
    labels = account_labels(session, (code for row in rows for code in (row.debit_account, row.credit_account)))
    return [
        TransferLine(row, labels[row.debit_account], labels[row.credit_account], document_of(row.source))
        for row in rows
    ]


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


def account_labels(session: Session, codes: Iterable[str]) -> dict[str, str]:
    """Return codes of accounts in words, such as "天津市 · 帮助销售 · 商超"; the code itself where it has none."""
    wanted = set(codes)
    names, parties = registry.names(session), _parties(session, wanted)
    return {code: _label(names, parties, code) for code in wanted}


def _label(names: Names, parties: Mapping[str, str], code: str) -> str:
    kind, *parts = code.split(":")
    dimensions = _DIMENSIONS.get(kind)
    if dimensions is not None:
        return " · ".join(named(names, name, part)["name"] for name, part in zip(dimensions, parts, strict=True))
    if code in _CASH_LABELS:
        return str(_CASH_LABELS[code])
    group, _, identifier = code.rpartition(":")
    return f"{_CASH_KINDS[group]} · {parties.get(code, identifier)}" if group in _CASH_KINDS else code


def _parties(session: Session, codes: set[str]) -> dict[str, str]:
    """Return the names of the buyers and suppliers to whom accounts belong, by the account's code."""
    found: dict[str, str] = {}
    for prefix, model in (("asset:receivable:", Organisation), ("liability:supplier:", Producer)):
        wanted = [code.removeprefix(prefix) for code in codes if code.startswith(prefix)]
        if wanted:
            rows = session.execute(sa.select(model.code, model.name).where(model.code.in_(wanted)))
            found |= {prefix + row.code: row.name for row in rows}
    return found
