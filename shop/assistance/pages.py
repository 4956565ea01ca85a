"""Pages of off-platform sales."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session
from wtforms.fields import SelectChoice

import ledger
from shop.assistance import queries, rules, service
from shop.assistance.forms import ReasonForm, SaleForm
from shop.assistance.models import Sale, SaleStatus
from shop.db import business_day, db, transaction
from shop.errors import InvalidInput, ShopError
from shop.identity.actor import Actor, require_actor, requires
from shop.identity.idempotency import idempotent
from shop.identity.models import Role
from shop.registry import queries as registry
from shop.registry.models import Category, Channel, Partner
from shop.web import localised, page_number

blueprint = Blueprint("assistance", __name__)

PAGE_SIZE = 20
TONES = {
    SaleStatus.REPORTED: "warning",
    SaleStatus.CONFIRMED: "success",
    SaleStatus.REJECTED: "danger",
    SaleStatus.REVERSED: "muted",
}
ACTION_LABELS = {
    "sale.reported": lazy_gettext("已上报"),
    "sale.confirmed": rules.STATUS_LABELS[SaleStatus.CONFIRMED],
    "sale.rejected": rules.STATUS_LABELS[SaleStatus.REJECTED],
    "sale.reversed": rules.STATUS_LABELS[SaleStatus.REVERSED],
}


@blueprint.context_processor
def _labels() -> dict[str, object]:
    return {
        "status_labels": rules.STATUS_LABELS,
        "status_tones": TONES,
        "mode_labels": rules.MODE_LABELS,
        "evidence_labels": rules.EVIDENCE_LABELS,
        "action_labels": ACTION_LABELS,
    }


@blueprint.get("/sales")
@requires(*queries.READERS)
def sale_list() -> ResponseReturnValue:
    """Show the sales that the reader may see, the newest report first."""
    actor = require_actor()
    status = request.args.get("status", "")
    chosen = SaleStatus(status) if status in set(SaleStatus) else None
    partners = registry.partners(db.session) if actor.is_staff else []
    partner = request.args.get("partner", "")
    page = queries.sales(
        db.session,
        actor,
        status=chosen,
        partner=partner if partner in {row.code for row in partners} else None,
        page=page_number(),
        page_size=PAGE_SIZE,
    )
    return render_template(
        "assistance/sale_list.html",
        page=page,
        names=registry.names(db.session),
        partners=partners,
        status=chosen,
        partner=partner,
        may_report=actor.has(Role.OPERATOR, Role.PARTNER_OFFICER),
    )


@blueprint.route("/sales/new", methods=["GET", "POST"])
@idempotent
@requires(Role.OPERATOR, Role.PARTNER_OFFICER)
def sale_new() -> ResponseReturnValue:
    """Report one sale by form; a refused form keeps what was typed and says all that is wrong with it."""
    actor = require_actor()
    today = business_day()
    form = SaleForm(reference=service.suggested_reference(today), sold_on=today)
    _offer_choices(db.session, form, actor)
    status = 200
    if form.is_submitted():
        status = 422
        is_read = form.validate()
        draft = form.draft(today)
        if is_read:
            try:
                with transaction() as session:
                    sale = service.report_sale(session, actor, draft)
            except ShopError as error:
                if not error.errors:
                    raise
                form.show_errors(error.errors)
                status = error.status
            else:
                flash(gettext("已上报，等待审核确认。"), "success")
                return redirect(url_for("assistance.sale_page", reference=sale.reference))
        form.show_errors(service.faults(db.session, actor, draft))
        form.settle_evidence_rows()
    return render_template("assistance/sale_new.html", form=form), status


@blueprint.get("/sales/<reference>")
@requires(*queries.READERS)
def sale_page(reference: str) -> ResponseReturnValue:
    """Show one sale: facts, evidence, what happened to it, and what the ledger holds of it."""
    return _render_sale(reference, ReasonForm())


@blueprint.post("/sales/<reference>/confirm")
@idempotent
@requires(*queries.READERS)
def confirm_sale(reference: str) -> ResponseReturnValue:
    """Confirm a sale."""
    with transaction() as session:
        service.confirm_sale(session, require_actor(), reference)
    flash(gettext("已确认并记入帮扶台账。"), "success")
    return redirect(url_for("assistance.sale_page", reference=reference))


@blueprint.post("/sales/<reference>/reject")
@idempotent
@requires(*queries.READERS)
def reject_sale(reference: str) -> ResponseReturnValue:
    """Reject a sale, with the reason."""
    return _decide_with_reason(reference, service.reject_sale, told=gettext("已驳回。"))


@blueprint.post("/sales/<reference>/reverse")
@idempotent
@requires(*queries.READERS)
def reverse_sale(reference: str) -> ResponseReturnValue:
    """Reverse a sale, with the reason."""
    return _decide_with_reason(reference, service.reverse_sale, told=gettext("已冲销，台账中保留原记录和冲销记录。"))


def _decide_with_reason(reference: str, decide: Callable[..., Sale], *, told: str) -> ResponseReturnValue:
    form = ReasonForm()
    try:
        with transaction() as session:
            decide(session, require_actor(), reference, reason=form.reason.data or "")
    except InvalidInput as error:
        return _render_sale(reference, form, error)
    flash(told, "success")
    return redirect(url_for("assistance.sale_page", reference=reference))


def _render_sale(reference: str, form: ReasonForm, error: InvalidInput | None = None) -> ResponseReturnValue:
    actor = require_actor()
    sale = queries.sale(db.session, actor, reference)
    if error is not None:
        form.reason.errors = [field.message for field in error.errors]
    names = registry.names(db.session)
    page = render_template(
        "assistance/sale_page.html",
        sale=sale,
        form=form,
        names=names,
        in_words=lambda code: queries.account_in_words(names, code),
        timeline=queries.timeline(db.session, sale),
        transfers=ledger.transfers(db.session, source=f"sale:{sale.reference}").rows,
        decisions=_decisions(actor, sale),
        counts_on=ledger.counting_day(db.session, "aid", sale.sold_on),
        is_own_report=sale.reported_by == actor.user_id,
    )
    return page, 200 if error is None else error.status


@dataclass(frozen=True)
class _Decisions:
    """Which forms the page offers."""

    confirm: bool
    reject: bool
    reverse: bool


def _decisions(actor: Actor, sale: Sale) -> _Decisions:
    allowed = rules.decisions(actor, status=sale.status, is_reporter=sale.reported_by == actor.user_id)
    return _Decisions(
        confirm=SaleStatus.CONFIRMED in allowed,
        reject=SaleStatus.REJECTED in allowed,
        reverse=SaleStatus.REVERSED in allowed,
    )


def _offer_choices(session: Session, form: SaleForm, actor: Actor) -> None:
    names = registry.names(session)
    form.offer(
        partners=[
            _choice(row)
            for row in registry.partners(session)
            if actor.has(Role.OPERATOR) or row.code == actor.partner_code
        ],
        channels=[_choice(row) for row in registry.channels(session, on=business_day())],
        counties=[
            SelectChoice(row.code, localised(row), optgroup=names.of("prefecture", row.code[:4] + "00")["name"])
            for row in registry.counties(session)
        ],
        categories=[_choice(row) for row in registry.categories(session)],
    )


def _choice(row: Partner | Channel | Category) -> SelectChoice:
    return SelectChoice(row.code, localised(row))
