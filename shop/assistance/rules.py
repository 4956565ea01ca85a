"""Decisions about off-platform sales: pure, so data and the clock come as arguments."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from flask_babel import gettext, lazy_gettext

from shop.assistance.invoices import InvoiceNumberError, canonical_number, comparable
from shop.assistance.models import EvidenceKind, SaleMode, SaleStatus
from shop.errors import FieldError, InvalidInput, NotAllowed, ShopError
from shop.identity.actor import Actor
from shop.identity.models import Role

EARLIEST_SALE_ON = date(2016, 1, 1)
"""Consumption assistance is not reported for years before the present programme's predecessor."""

MAX_AMOUNT_FEN = 10**13
MAX_EVIDENCE = 20
MAX_TEXT = 200
QUANTITY_PLACES = 3
_QUANTITY_LIMIT = Decimal(10) ** 12

# A reference stands in addresses and in the ledger's keys: no colon, no slash, and no word that is an address itself.
_REFERENCE = re.compile(r"\w[\w.()〔〕-]{0,63}")
_RESERVED_REFERENCES = frozenset({"new", "imports"})
_PAPER_NUMBER = re.compile(r"[^\x00-\x1f\x7f]{2,64}")
_CLAIM_NUMBER = re.compile(r"[^\x00-\x1f\x7f]{6,64}")
_LINE = re.compile(r"[^\x00-\x1f\x7f]+")

FOLLOWING: Mapping[SaleStatus, frozenset[SaleStatus]] = MappingProxyType(
    {
        SaleStatus.REPORTED: frozenset({SaleStatus.CONFIRMED, SaleStatus.REJECTED}),
        SaleStatus.CONFIRMED: frozenset({SaleStatus.REVERSED}),
        SaleStatus.REJECTED: frozenset(),
        SaleStatus.REVERSED: frozenset(),
    }
)
"""What a sale may become. Rejected and reversed are final: a corrected sale is reported anew."""

DECIDERS: Mapping[SaleStatus, frozenset[Role]] = MappingProxyType(
    {
        SaleStatus.CONFIRMED: frozenset({Role.OPERATOR, Role.FINANCE}),
        SaleStatus.REJECTED: frozenset({Role.OPERATOR, Role.FINANCE}),
        SaleStatus.REVERSED: frozenset({Role.FINANCE}),
    }
)
"""Whose decision each step is."""

CLAIMING = frozenset({EvidenceKind.INVOICE, EvidenceKind.PLATFORM_ORDER})
"""Papers that back one live sale only: the same one twice is a double claim."""

STATUS_LABELS = {
    SaleStatus.REPORTED: lazy_gettext("待确认"),
    SaleStatus.CONFIRMED: lazy_gettext("已确认"),
    SaleStatus.REJECTED: lazy_gettext("已驳回"),
    SaleStatus.REVERSED: lazy_gettext("已冲销"),
}
MODE_LABELS = {SaleMode.DIRECT: lazy_gettext("直接采购"), SaleMode.ASSISTED: lazy_gettext("帮助销售")}
EVIDENCE_LABELS = {
    EvidenceKind.INVOICE: lazy_gettext("发票"),
    EvidenceKind.CONTRACT: lazy_gettext("合同"),
    EvidenceKind.PLATFORM_ORDER: lazy_gettext("平台订单"),
    EvidenceKind.DELIVERY_NOTE: lazy_gettext("送货单"),
    EvidenceKind.ACCEPTANCE_NOTE: lazy_gettext("验收单"),
    EvidenceKind.BANK_SLIP: lazy_gettext("银行回单"),
}


class WrongState(ShopError):
    """The sale does not stand where this step begins."""

    code = "sale-state"
    title = lazy_gettext("这笔销售的状态不允许此操作")


class OwnReport(NotAllowed):
    """Who reported a sale does not also decide on it."""

    code = "own-report"
    title = lazy_gettext("不能审核自己上报的销售")


@dataclass(frozen=True)
class Paper:
    """One piece of evidence as reported."""

    kind: EvidenceKind
    number: str


@dataclass(frozen=True)
class SaleDraft:
    """A sale as reported. `county` is a GB/T 2260 code or "unknown"; the amount has tax in it and no freight."""

    reference: str
    partner: str
    mode: SaleMode
    channel: str
    county: str
    category: str
    product: str
    quantity: Decimal
    unit: str
    amount_fen: int
    sold_on: date
    buyer: str
    evidence: tuple[Paper, ...]


@dataclass(frozen=True)
class KnownCodes:
    """The registry's codes that a sale of one day may name."""

    partners: frozenset[str]
    channels: frozenset[str]
    counties: frozenset[str]
    categories: frozenset[str]


def reading(draft: SaleDraft, *, known: KnownCodes, today: date) -> tuple[SaleDraft, tuple[FieldError, ...]]:
    """Return the draft in canonical spelling, and everything that is wrong with it."""
    errors: list[FieldError] = []
    tidy = replace(
        draft,
        reference=unicodedata.normalize("NFKC", draft.reference).strip(),
        product=_text("product", draft.product, errors),
        unit=_text("unit", draft.unit, errors),
        buyer=_text("buyer", draft.buyer, errors),
        evidence=_evidence(draft.evidence, today=today, errors=errors),
    )
    errors += _fact_errors(tidy, today)
    errors += _code_errors(tidy, known)
    return tidy, tuple(errors)


def normalised(draft: SaleDraft, *, known: KnownCodes, today: date) -> SaleDraft:
    """Return the draft in canonical spelling.

    Raises:
        InvalidInput: naming every field that is wrong.
    """
    tidy, errors = reading(draft, known=known, today=today)
    if errors:
        raise InvalidInput(errors=errors)
    return tidy


def check_reporter(actor: Actor, partner_code: str) -> None:
    """Let an operator report for any partner, an officer for their own partner only.

    Raises:
        NotAllowed: everybody else.
    """
    if actor.has(Role.OPERATOR):
        return
    if not actor.has(Role.PARTNER_OFFICER):
        raise NotAllowed(lazy_gettext("只有帮扶方工作人员和平台运营人员可以上报销售"))
    if actor.partner_code is None or actor.partner_code != partner_code:
        raise NotAllowed(lazy_gettext("只能为自己所属的帮扶方上报销售"))


def check_decision(actor: Actor, *, status: SaleStatus, target: SaleStatus, is_reporter: bool) -> None:
    """Let those decide whose decision it is, from the state in which it begins.

    Raises:
        NotAllowed: the actor's roles do not include this decision.
        OwnReport: the actor reported the sale and would confirm or reject it.
        WrongState: the sale stands elsewhere.
    """
    if not actor.has(*DECIDERS[target]):
        raise NotAllowed
    if is_reporter and target is not SaleStatus.REVERSED:
        raise OwnReport(lazy_gettext("上报和确认须由两个人完成，请由另一位同事审核。"))
    if target not in FOLLOWING[status]:
        raise WrongState(lazy_gettext("当前状态是“%(status)s”，不能再做此操作。", status=STATUS_LABELS[status]))


def decisions(actor: Actor, *, status: SaleStatus, is_reporter: bool) -> tuple[SaleStatus, ...]:
    """Return the steps that the actor may take from here, so that a page offers no other."""
    return tuple(
        target
        for target in SaleStatus
        if target in FOLLOWING[status]
        and actor.has(*DECIDERS[target])
        and not (is_reporter and target is not SaleStatus.REVERSED)
    )


def checked_reason(reason: str) -> str:
    """Return a reason in one line's spelling.

    Raises:
        InvalidInput: it is empty or too long.
    """
    errors: list[FieldError] = []
    tidy = _text("reason", reason, errors)
    if errors:
        raise InvalidInput(errors=tuple(errors))
    return tidy


def _text(field: str, value: str, errors: list[FieldError]) -> str:
    tidy = " ".join(unicodedata.normalize("NFC", value).split())
    if not tidy:
        errors.append(FieldError(field, gettext("必填")))
    elif len(tidy) > MAX_TEXT or _LINE.fullmatch(tidy) is None:
        errors.append(FieldError(field, gettext("最多%(count)s个字，不含控制字符", count=MAX_TEXT)))
    return tidy


def _fact_errors(draft: SaleDraft, today: date) -> Iterator[FieldError]:
    if _REFERENCE.fullmatch(draft.reference) is None or draft.reference.lower() in _RESERVED_REFERENCES:
        yield FieldError("reference", gettext("1至64个字：文字、数字和 - _ . ( )，不能有空格、冒号或斜线"))
    if not 0 < draft.amount_fen <= MAX_AMOUNT_FEN:
        yield FieldError("amount_fen", gettext("金额必须大于零，且不超过1000亿元"))
    if not draft.quantity.is_finite() or not 0 < draft.quantity < _QUANTITY_LIMIT:
        yield FieldError("quantity", gettext("数量必须大于零"))
    elif draft.quantity != round(draft.quantity, QUANTITY_PLACES):
        yield FieldError("quantity", gettext("数量最多三位小数"))
    if draft.sold_on > today:
        yield FieldError("sold_on", gettext("销售日期不能晚于今天"))
    elif draft.sold_on < EARLIEST_SALE_ON:
        yield FieldError("sold_on", gettext("销售日期不能早于%(day)s", day=EARLIEST_SALE_ON.isoformat()))


def _code_errors(draft: SaleDraft, known: KnownCodes) -> Iterator[FieldError]:
    if draft.partner not in known.partners:
        yield FieldError("partner", gettext("没有这个帮扶方"))
    if draft.channel not in known.channels:
        yield FieldError("channel", gettext("销售当日没有这个渠道"))
    if draft.county not in known.counties:
        yield FieldError("county", gettext("没有这个县（市、区）；产地不明请用 unknown"))
    if draft.category not in known.categories:
        yield FieldError("category", gettext("没有这个品类"))


def _evidence(papers: tuple[Paper, ...], *, today: date, errors: list[FieldError]) -> tuple[Paper, ...]:
    if not 1 <= len(papers) <= MAX_EVIDENCE:
        errors.append(FieldError("evidence", gettext("请填写1至%(count)s份凭证", count=MAX_EVIDENCE)))
    tidy: list[Paper] = []
    for index, paper in enumerate(papers):
        number, problem = _paper_number(paper, today)
        if problem is None and Paper(paper.kind, number) in tidy:
            problem = gettext("同一份凭证填写了两次")
        if problem is not None:
            errors.append(FieldError(f"evidence.{index}.number", problem))
        tidy.append(Paper(paper.kind, number))
    return tuple(tidy)


def _paper_number(paper: Paper, today: date) -> tuple[str, str | None]:
    if paper.kind is EvidenceKind.INVOICE:
        try:
            return canonical_number(paper.number, today=today), None
        except InvoiceNumberError as error:
            return paper.number, str(error)
    number = comparable(paper.number)
    if paper.kind is EvidenceKind.PLATFORM_ORDER:
        return number, None if _CLAIM_NUMBER.fullmatch(number) else gettext("平台订单号应为6至64个字")
    return number, None if _PAPER_NUMBER.fullmatch(number) else gettext("编号应为2至64个字")
