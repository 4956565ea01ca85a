"""The queue of money that waits, and what finance does with it."""

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session

from shop.db import business_day, db, transaction
from shop.errors import NotFound, ShopError
from shop.identity.actor import require_actor, requires
from shop.identity.idempotency import idempotent
from shop.identity.models import Role
from shop.payments import moves, queries, rules
from shop.payments.desk.forms import PlaceForm, RefundForm, UndoForm
from shop.payments.desk.view import MAX_QUERY, WAIT_LABELS, render_receipt
from shop.web import page_number

blueprint = Blueprint("payments_desk", __name__)

PAGE_SIZE = 20


@blueprint.get("/finance/unallocated")
@requires(Role.FINANCE, Role.AUDITOR)
def queue() -> ResponseReturnValue:
    """List the money that waits for a place, oldest first."""
    q = request.args.get("q", "").strip()[:MAX_QUERY]
    page = queries.waiting(db.session, q=q, page=page_number(), page_size=PAGE_SIZE)
    return render_template(
        "payments/queue.html",
        page=page,
        q=q,
        summary=queries.queue(db.session),
        today=business_day(),
        why={receipt.id: WAIT_LABELS[rules.why_waiting(receipt, receipt.moves)] for receipt in page.items},
        url_for_page=lambda n: url_for("payments_desk.queue", page=n, q=q or None),
    )


@blueprint.post("/finance/receipts/<number>/allocations")
@requires(Role.FINANCE)
@idempotent
def place(number: str) -> ResponseReturnValue:
    """Place waiting money on an order."""
    form = PlaceForm()
    if not form.validate():
        return render_receipt(number, place_form=form), 422
    order_number = form.order_number.data.strip()

    def act(session: Session) -> None:
        moves.place(session, require_actor(), number, order_number=order_number, amount_fen=form.amount_fen)

    return _moved(number, act, told=gettext("款项已划入订单。"), place_form=form)


@blueprint.post("/finance/receipts/<number>/refunds")
@requires(Role.FINANCE)
@idempotent
def refund(number: str) -> ResponseReturnValue:
    """Record that waiting money was sent back to its payer."""
    form = RefundForm()
    if not form.validate():
        return render_receipt(number, refund_form=form), 422
    payee = current_app.config["SETTINGS"].payee

    def act(session: Session) -> None:
        moves.refund(session, require_actor(), number, form.draft(), payee=payee)

    return _moved(number, act, told=gettext("退款已登记。"), refund_form=form)


@blueprint.post("/finance/receipts/<number>/moves/<uuid:move_id>/undo")
@requires(Role.FINANCE)
@idempotent
def undo(number: str, move_id: UUID) -> ResponseReturnValue:
    """Undo a move by its opposite, as of today."""
    form = UndoForm()
    if not form.validate():
        return render_receipt(number, error=" ".join(str(one) for one in form.reason.errors)), 422

    def act(session: Session) -> None:
        moves.undo(session, require_actor(), number, move_id, note=form.reason.data.strip())

    return _moved(number, act, told=gettext("已撤销，款项回到原处。"))


def _moved(number: str, act: Callable[[Session], None], *, told: str, **forms: FlaskForm) -> ResponseReturnValue:
    """Move money and go back to its receipt; where that is refused, show the receipt with the form as it was sent."""
    try:
        with transaction() as session:
            act(session)
    except NotFound:
        raise
    except ShopError as refusal:
        return render_receipt(number, error=refusal.told, **forms), refusal.status
    flash(told, "success")
    return redirect(url_for("payments.receipt_page", number=number))
