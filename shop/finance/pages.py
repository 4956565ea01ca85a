"""Pages over the ledger: transfers, accounts, the declared figures, and the check of the books."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext

import ledger
from shop.db import Page, business_day, db, now, transaction
from shop.finance import agreement, declared, documents, drilldown, knowledge, periods, queries, tables
from shop.finance.agreement import record
from shop.finance.figures import lines
from shop.finance.knowledge import NOW, Known
from shop.finance.queries import LEDGER_READERS, TOTALS_READERS
from shop.identity.actor import require_actor, requires
from shop.registry import queries as registry
from shop.web import page_number

blueprint = Blueprint("finance", __name__)

PAGE_SIZE = 50
CHECK_LABELS = {
    "accounts": lazy_gettext("科目代码合法，编号与代码相符"),
    "entries": lazy_gettext("每笔记账都有对应的转账"),
    "transfers": lazy_gettext("转账与所属记账一致"),
    "payload": lazy_gettext("内容与入账时的指纹一致"),
    "keys": lazy_gettext("同一业务只入账一次"),
    "flow": lazy_gettext("按日汇总与逐笔转账一致"),
    "margins": lazy_gettext("帮扶方合计与产地合计一致"),
    "reversals": lazy_gettext("冲销有原记录，且不超过原金额"),
    "periods": lazy_gettext("已结账月份与结账时一致"),
    "seals": lazy_gettext("封印前后相连，与记录相符"),
    "waiting": lazy_gettext("每笔记录已封印，或在等待封印"),
    "rights": lazy_gettext("应用无权修改或删除账目"),
    "orders": lazy_gettext("订单金额与明细、收款一致"),
    "receipts": lazy_gettext("到账款项的去向合计一致"),
    "documents": lazy_gettext("账目与订单、销售、收款单据一致"),
}


@blueprint.context_processor
def _days() -> dict[str, object]:
    return {"today": business_day()}


@blueprint.get("/finance/transfers")
@requires(*LEDGER_READERS)
def transfers_page() -> ResponseReturnValue:
    """Show the transfers behind a figure, each with the document behind it."""
    chosen = drilldown.from_args(request.args, periods.from_args(request.args), _known())
    with queries.snapshot() as session:
        page = drilldown.transfers(session, chosen, cursor=request.args.get("cursor"), page_size=PAGE_SIZE)
        summary = drilldown.summary(session, chosen)
    names = registry.names(db.session)
    return render_template(
        "finance/transfers.html",
        chosen=chosen,
        known=chosen.known,
        now_query=replace(chosen, known=NOW).as_query(),
        conditions=tables.condition_labels(names, chosen.where),
        lines=documents.transfer_lines(db.session, page.rows),
        most=lines.MOST,
        next_cursor=page.next_cursor,
        is_first=not request.args.get("cursor"),
        summary=summary,
        rules=queries.rule_versions(db.session, chosen.period),
    )


@blueprint.get("/finance/accounts")
@requires(*LEDGER_READERS)
def accounts_page() -> ResponseReturnValue:
    """Show the accounts of a book with their balances."""
    book = "cash" if request.args.get("book") == "cash" else "aid"
    prefix = request.args.get("prefix", "").strip()
    known = _known()
    rows = ledger.accounts(db.session, book=book, prefix=prefix or None, known_at=known.moment)
    number = page_number()
    page = Page(rows[(number - 1) * PAGE_SIZE : number * PAGE_SIZE], len(rows), number, PAGE_SIZE)
    return render_template(
        "finance/accounts.html",
        page=page,
        labels=documents.account_labels(db.session, (row.code for row in page.items)),
        book=book,
        prefix=prefix,
        known=known,
    )


@blueprint.get("/finance/accounts/<path:code>")
@requires(*LEDGER_READERS)
def statement_page(code: str) -> ResponseReturnValue:
    """Show an account's statement: opening, what came and went, closing as of the last day."""
    period, known = periods.from_args(request.args), _known()
    with queries.snapshot() as session:
        statement = drilldown.statement(
            session, code, period=period, known=known, cursor=request.args.get("cursor"), page_size=PAGE_SIZE
        )
    labels = documents.account_labels(db.session, [code, *_codes(line.transfer for line in statement.rows)])
    return render_template(
        "finance/statement.html",
        statement=statement,
        labels=labels,
        period=period,
        known=known,
        rules=queries.rule_versions(db.session, period) if code.startswith(("partner:", "county:")) else [],
        lines=[(line, documents.document_of(line.transfer.source)) for line in statement.rows],
    )


@blueprint.get("/finance/declared")
@requires(*TOTALS_READERS)
def declared_page() -> ResponseReturnValue:
    """Show what the briefing of 2021 declared, beside what the ledger evidences."""
    may_compare = not queries.scope(require_actor())
    return render_template(
        "finance/declared.html",
        figures=declared.figures(db.session),
        coverages=declared.coverages(db.session) if may_compare else [],
        rules=queries.rule_versions(db.session, periods.BRIEFING_2021),
        kinds=declared.KIND_LABELS,
        kind_of=declared.kind_of,
        sides=declared.SIDE_LABELS,
        may_drill=require_actor().has(*LEDGER_READERS),
    )


@blueprint.route("/finance/verify", methods=["GET", "POST"])
@requires(*LEDGER_READERS)
def verify_page() -> ResponseReturnValue:
    """Recompute the books on request and show each check with its first bad row."""
    verdict = None
    if request.method == "POST":
        # A session of its own: the check needs one snapshot from its first read.
        with db.sessionmaker() as session:
            verdict = agreement.verify(session)
        with transaction() as session:
            record.keep(session, require_actor(), verdict)
    return render_template("finance/verify.html", verdict=verdict, labels=CHECK_LABELS)


def _known() -> Known:
    return knowledge.read(request.args.get(knowledge.FIELD, ""), at=now())


def _codes(rows: Iterable[ledger.TransferRow]) -> Iterator[str]:
    for row in rows:
        yield row.debit_account
        yield row.credit_account
