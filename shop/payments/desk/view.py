"""One receipt as a page: the bank line, where its money is, and what may be done with the rest."""

from flask import render_template, request
from flask_babel import lazy_gettext as _l

import ledger
from shop.db import business_day, db
from shop.identity.actor import require_actor
from shop.identity.models import Role
from shop.orders.forms import STATUS_LABELS
from shop.payments import queries, rules
from shop.payments.desk.forms import PlaceForm, RefundForm, UndoForm
from shop.payments.expiry import PAST_DEADLINE
from shop.payments.models import BankReceipt, MoveKind, ReceiptMove

MAX_QUERY = 60

KIND_LABELS = {
    MoveKind.PLACED: (_l("划入订单"), "success"),
    MoveKind.RELEASED: (_l("从订单退回"), "warning"),
    MoveKind.REFUNDED: (_l("退给付款方"), "info"),
    MoveKind.RETURNED: (_l("退款被退回"), "warning"),
}
WAIT_LABELS = {
    "no_order": _l("认不出订单"),
    "order_cancelled": _l("订单已取消或过期"),
    "too_much": _l("多付"),
    "released": _l("从订单退回"),
}
NOTE_LABELS = {PAST_DEADLINE: _l("超过付款期限"), "shortfall": _l("验收少于已付")}


def render_receipt(
    number: str, *, place_form: PlaceForm | None = None, refund_form: RefundForm | None = None, error: str = ""
) -> str:
    """Return the page of a receipt; a form that was refused shows what was typed and why.

    Raises:
        NotFound: there is none.
    """
    receipt = queries.receipt(db.session, number)
    may_move = require_actor().has(Role.FINANCE)
    may_place = may_move and receipt.unallocated_fen > 0
    q = request.args.get("q", "").strip()[:MAX_QUERY]
    return render_template(
        "payments/receipt.html",
        receipt=receipt,
        kinds=KIND_LABELS,
        notes=NOTE_LABELS,
        statuses=STATUS_LABELS,
        undoable=_undoable(receipt) if may_move else set(),
        may_place=may_place,
        candidates=queries.candidates(db.session, receipt, q=q) if may_place else [],
        q=q,
        place_form=place_form or PlaceForm(formdata=None),
        refund_form=refund_form or _refund_form(receipt),
        undo_form=UndoForm(formdata=None),
        error=error,
    )


def _undoable(receipt: BankReceipt) -> set[object]:
    def of_order(move: ReceiptMove) -> bool:
        return rules.may_undo(move, move.order, receipt.moves)

    return {move.id for move in receipt.moves if of_order(move)}


def _refund_form(receipt: BankReceipt) -> RefundForm:
    form = RefundForm(formdata=None)
    form.amount.data = ledger.format_yuan(receipt.unallocated_fen).replace(",", "")
    form.refunded_on.data = business_day()
    return form
