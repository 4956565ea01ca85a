"""Reporting off-platform sales and deciding on them. Runs in the caller's database transaction and never commits."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from flask_babel import gettext, lazy_gettext
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import ledger
from shop.assistance import queries, rules
from shop.assistance.models import UNKNOWN_COUNTY, Evidence, Sale, SaleMode, SaleStatus
from shop.assistance.rules import Paper, SaleDraft
from shop.db import business_day, now
from shop.errors import FieldError, NotFound, ShopError
from shop.identity import audit
from shop.identity.actor import Actor
from shop.registry import queries as registry


class ReferenceTaken(ShopError):
    """A sale has this reference already."""

    code = "sale-exists"
    title = lazy_gettext("这个编号已经上报过")


class EvidenceClaimed(ShopError):
    """The invoice or platform order already backs another sale that stands."""

    code = "evidence-claimed"
    title = lazy_gettext("凭证已被另一笔销售使用")


def suggested_reference(today: date) -> str:
    """Return a fresh reference for a reporter who has none of their own."""
    return f"S{today:%Y%m%d}-{secrets.token_hex(4).upper()}"


def report_sale(session: Session, actor: Actor, draft: SaleDraft, *, is_demo: bool = False) -> Sale:
    """Record a sale as reported. It counts nowhere until somebody else confirms it.

    Whether partner and county were paired on the day of the sale is decided here and kept; a sale outside is marked.

    Raises:
        NotAllowed: the actor may not report for this partner.
        InvalidInput: naming every field that is wrong.
        ReferenceTaken: the reference is in use.
        EvidenceClaimed: an invoice or platform order backs another sale, perhaps one reported at this very moment.
    """
    rules.check_reporter(actor, draft.partner)
    today = business_day()
    draft = rules.normalised(draft, known=queries.known_codes(session, on=draft.sold_on), today=today)
    if _is_taken(session, draft):
        raise reference_taken()
    taken = holders(session, actor, draft.evidence)
    if taken:
        raise claimed(draft, taken)
    sale = _sale(session, actor, draft)
    sale.is_demo = is_demo
    try:
        # A savepoint, so that the refusal below leaves the caller's transaction alive.
        with session.begin_nested():
            session.add(sale)
            session.flush()
    except IntegrityError as error:
        raise _refusal(error, draft) from error
    audit.record(session, actor, action="sale.reported", subject=sale.entry_key, amount_fen=sale.amount_fen)
    return sale


def faults(session: Session, actor: Actor, draft: SaleDraft) -> tuple[FieldError, ...]:
    """Return all that is wrong with a sale which will not be recorded, so that its reporter mends it in one go."""
    known = queries.known_codes(session, on=draft.sold_on)
    draft, errors = rules.reading(draft, known=known, today=business_day())
    # The database is asked only about what has the shape of a reference or a number at all.
    malformed = {error.field for error in errors}
    if "reference" not in malformed and _is_taken(session, draft):
        errors += reference_taken().errors
    papers = [paper for index, paper in enumerate(draft.evidence) if f"evidence.{index}.number" not in malformed]
    return errors + claimed(draft, holders(session, actor, papers)).errors


def confirm_sale(session: Session, actor: Actor, reference: str) -> Sale:
    """Confirm a reported sale and post it to the assistance book with the day of the sale as its own.

    It counts on that day, or in the first open month when that of the sale is closed.

    Raises:
        NotFound, NotAllowed, OwnReport, WrongState: see `rules.check_decision`.
    """
    sale = _decide(session, actor, reference, SaleStatus.CONFIRMED)
    ledger.post(session, assistance_entry(sale), by=str(actor.user_id), carry_forward=True)
    audit.record(session, actor, action="sale.confirmed", subject=sale.entry_key, amount_fen=sale.amount_fen)
    return sale


def reject_sale(session: Session, actor: Actor, reference: str, *, reason: str) -> Sale:
    """Reject a reported sale. Its papers may then back a corrected report.

    Raises:
        InvalidInput: there is no reason.
        NotFound, NotAllowed, OwnReport, WrongState: see `rules.check_decision`.
    """
    reason = rules.checked_reason(reason)
    sale = _decide(session, actor, reference, SaleStatus.REJECTED)
    _release(sale, reason)
    audit.record(session, actor, action="sale.rejected", subject=sale.entry_key, reason=reason)
    return sale


def reverse_sale(session: Session, actor: Actor, reference: str, *, reason: str, on: date | None = None) -> Sale:
    """Take a confirmed sale back out of the books by a mirror entry.

    Args:
        on: the business day on which the mirror counts, by default today: an earlier month does not change. A sale
            of unknown origin is taken back on the day on which it counts: until it is gone no month can be closed.

    Raises:
        InvalidInput: there is no reason.
        NotFound, NotAllowed, WrongState: see `rules.check_decision`.
    """
    reason = rules.checked_reason(reason)
    sale = _decide(session, actor, reference, SaleStatus.REVERSED)
    ledger.reverse(
        session,
        sale.entry_key,
        new_key=f"{sale.entry_key}:reversal",
        on=on or _reversed_on(session, sale),
        by=str(actor.user_id),
        carry_forward=True,
    )
    _release(sale, reason)
    audit.record(session, actor, action="sale.reversed", subject=sale.entry_key, reason=reason)
    return sale


class Counted(NamedTuple):
    """What the books need to know of a sale; `Sale` tells it in the same words."""

    id: UUID
    reference: str
    partner_code: str
    mode: SaleMode
    channel_code: str
    county_code: str | None
    category_code: str
    amount_fen: int
    sold_on: date
    is_paired: bool

    @property
    def county(self) -> str:
        """The county of origin as requests and the ledger name it."""
        return self.county_code or UNKNOWN_COUNTY

    @property
    def entry_key(self) -> str:
        """The idempotency key under which the ledger holds this sale."""
        return f"sale:{self.reference}"


def assistance_entry(sale: Sale | Counted) -> ledger.Draft:
    """Return the entry by which a confirmed sale counts."""
    leg = ledger.Leg(
        ledger.partner_account(sale.partner_code, sale.mode, sale.channel_code),
        ledger.county_account(sale.county, sale.category_code),
        sale.amount_fen,
        "sale" if sale.is_paired else "sale_unpaired",
    )
    return ledger.Draft(
        book="aid", key=sale.entry_key, effective_on=sale.sold_on, source=f"sale:{sale.reference}", legs=(leg,)
    )


def _sale(session: Session, actor: Actor, draft: SaleDraft) -> Sale:
    is_known = draft.county != UNKNOWN_COUNTY
    # Sorted, so that two reports of the same papers queue at the unique index in one order and cannot deadlock.
    papers = sorted(draft.evidence, key=lambda paper: (paper.kind, paper.number))
    return Sale(
        reference=draft.reference,
        partner_code=draft.partner,
        mode=draft.mode,
        channel_code=draft.channel,
        county_code=draft.county if is_known else None,
        category_code=draft.category,
        product=draft.product,
        quantity=draft.quantity,
        unit=draft.unit,
        amount_fen=draft.amount_fen,
        sold_on=draft.sold_on,
        buyer=draft.buyer,
        is_paired=is_known
        and registry.is_paired(session, partner_code=draft.partner, county_code=draft.county, on=draft.sold_on),
        rule_version=registry.counting_rule(session, on=draft.sold_on).version,
        status=SaleStatus.REPORTED,
        reported_by=actor.user_id,
        evidence=[Evidence(kind=paper.kind, number=paper.number, is_live=True) for paper in papers],
    )


def _decide(session: Session, actor: Actor, reference: str, target: SaleStatus) -> Sale:
    """Lock the sale, check the step, take it."""
    sale = session.scalars(
        queries.the_sale(actor, reference).with_for_update(of=Sale).execution_options(populate_existing=True)
    ).one_or_none()
    if sale is None:
        raise NotFound
    is_reporter = sale.reported_by == actor.user_id
    rules.check_decision(actor, status=sale.status, target=target, is_reporter=is_reporter)
    sale.status = target
    sale.decided_by = actor.user_id
    sale.decided_at = now()
    return sale


def _reversed_on(session: Session, sale: Sale) -> date:
    if sale.county_code is not None:
        return business_day()
    posted = ledger.transfers(session, source=f"sale:{sale.reference}", limit=1).rows[0]
    return posted.effective_on


def _release(sale: Sale, reason: str) -> None:
    sale.reason = reason
    for paper in sale.evidence:
        paper.is_live = False


def _is_taken(session: Session, draft: SaleDraft) -> bool:
    return bool(session.scalar(sa.select(sa.exists().where(Sale.reference == draft.reference))))


def holders(session: Session, actor: Actor, papers: Iterable[Paper]) -> dict[Paper, str | None]:
    """Return each paper that is taken, with the sale that holds it where the actor may see that sale."""
    claiming = [paper for paper in papers if paper.kind in rules.CLAIMING]
    if not claiming:
        return {}
    kinds, numbers = [paper.kind.value for paper in claiming], [paper.number for paper in claiming]
    texts = sa.ARRAY(sa.Text)
    claimed = (
        sa.func.unnest(sa.cast(kinds, texts), sa.cast(numbers, texts)).table_valued("kind", "number").render_derived()
    )
    rows = session.execute(
        sa.select(Evidence.kind, Evidence.number, Sale.reference, queries.visible_to(actor).label("is_visible"))
        .join(
            claimed,
            sa.and_(sa.type_coerce(Evidence.kind, sa.Text) == claimed.c.kind, Evidence.number == claimed.c.number),
        )
        .join(Sale, Sale.id == Evidence.sale_id)
        .where(Evidence.is_live, Evidence.kind.in_(sorted(rules.CLAIMING)))
    )
    return {Paper(row.kind, row.number): row.reference if row.is_visible else None for row in rows}


def _refusal(error: IntegrityError, draft: SaleDraft) -> Exception:
    """Turn the database's own refusal, which only a simultaneous report meets, into the same words."""
    constraint = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    if constraint == "uq_sale_reference":
        return reference_taken()
    if constraint == "uq_evidence_claim":
        return claimed(draft, {paper: None for paper in draft.evidence if paper.kind in rules.CLAIMING})
    return error


def reference_taken() -> ReferenceTaken:
    """Return the refusal of a reference that is in use."""
    message = gettext("编号已被使用，请换一个；重复提交同一笔销售不会重复计算")
    return ReferenceTaken(message, errors=(FieldError("reference", message),))


def claimed(draft: SaleDraft, taken: Mapping[Paper, str | None]) -> EvidenceClaimed:
    """Return the refusal of a sale some of whose papers are taken, naming each of them."""
    errors = []
    for index, paper in enumerate(draft.evidence):
        if paper in taken:
            holder = taken[paper]
            message = (
                gettext("%(number)s 已用于销售 %(reference)s", number=paper.number, reference=holder)
                if holder
                else gettext("%(number)s 已被另一笔销售使用", number=paper.number)
            )
            errors.append(FieldError(f"evidence.{index}.number", message))
    return EvidenceClaimed(lazy_gettext("同一张发票、同一个平台订单只能支持一笔销售。"), errors=tuple(errors))
