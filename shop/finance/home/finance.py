"""What finance finds on its first page, each card from one query."""

from datetime import date

import sqlalchemy as sa
from flask import url_for
from flask_babel import gettext, lazy_gettext
from sqlalchemy.orm import Session

import ledger
from shop.assistance.models import Sale, SaleStatus
from shop.finance import queries
from shop.finance.agreement import record
from shop.finance.home.cards import Card, Group
from shop.finance.months import rules as months
from shop.finance.periods import Preset, preset_period
from shop.payments.models import BankReceipt
from shop.registry.labels import LABELS
from shop.registry.queries import UNKNOWN_COUNTY
from shop.web import format_instant

UNALLOCATED = "liability:unallocated"
_BOOK_LABELS = {"aid": lazy_gettext("帮扶台账待结账月份"), "cash": lazy_gettext("资金账待结账月份")}


def groups(session: Session, *, today: date) -> list[Group]:
    """Return the cards: what arrived this month, what waits for somebody, what does not agree."""
    return [
        Group(gettext("本月到账与帮扶"), _arrived(session, today=today)),
        Group(gettext("待处理"), _waiting(session, today=today)),
        Group(gettext("账目核对"), _disagreeing(session, today=today)),
    ]


def _arrived(session: Session, *, today: date) -> list[Card]:
    """Return the month's money at the bank, and its assistance by side, which is never added up."""
    month = preset_period(Preset.MONTH, today=today)
    count, amount_fen = session.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(BankReceipt.amount_fen), 0)).where(
            BankReceipt.paid_on >= month.since
        )
    ).one()
    found = [Card(gettext("银行到账"), url_for("payments.receipts"), int(count), int(amount_fen))]
    sums = {row.codes["side"]: row for row in queries.totals(session, book="aid", by=("side",), period=month).rows}
    for side in ("eastern", "central", "none"):
        row = sums.get(side)
        url = url_for("figures.totals_page", period=Preset.MONTH.value, side=side)
        label = gettext("帮扶：%(side)s", side=LABELS["side", side])
        found.append(Card(label, url, row.count if row else 0, row.amount_fen if row else 0))
    return found


def _waiting(session: Session, *, today: date) -> list[Card]:
    """Return the money without a place, the sales without a decision, the months to close, the entries to seal."""
    unallocated_fen = ledger.balance(session, UNALLOCATED)
    count, reported_fen = session.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(Sale.amount_fen), 0)).where(
            Sale.status == SaleStatus.REPORTED
        )
    ).one()
    head = ledger.head(session)
    return [
        Card(
            gettext("待认领款项"),
            url_for("payments_desk.queue"),
            amount_fen=unallocated_fen,
            tone="warning" if unallocated_fen else "",
        ),
        Card(
            gettext("待审核的站外销售"),
            url_for("assistance.sale_list", status=SaleStatus.REPORTED.value),
            int(count),
            int(reported_fen),
            tone="warning" if count else "",
        ),
        *(_open_months(session, book, today=today) for book in ledger.BOOKS),
        Card(
            gettext("等待封印的记录"),
            url_for("months.months_page"),
            head.waiting,
            note=gettext("最早一笔入账于 %(at)s", at=format_instant(head.oldest_waiting_at)) if head.waiting else "",
        ),
    ]


def _open_months(session: Session, book: str, *, today: date) -> Card:
    rows = ledger.periods(session, book=book)
    names = sorted(
        f"{row.month:%Y-%m}" for row in rows if row.state == "open" and months.is_over(row.month, today=today)
    )
    return Card(
        str(_BOOK_LABELS[book]),
        url_for("months.months_page", book=book),
        len(names),
        note=gettext("最早的是 %(month)s", month=names[0]) if names else "",
        tone="warning" if names else "",
    )


def _disagreeing(session: Session, *, today: date) -> list[Card]:
    """Return how the books last agreed, what came from nowhere, and what lies outside the pairings."""
    year = preset_period(Preset.YEAR, today=today)

    unknown = ledger.totals(session, book="aid", by=(), where={"county": UNKNOWN_COUNTY})
    outside = ledger.totals(session, book="aid", by=(), where={"pairing": "outside"}, since=year.since)
    return [
        _last_check(session),
        Card(
            gettext("产地未知（全部年份）"),
            url_for("figures.totals_page", period=Preset.ALL.value, county=UNKNOWN_COUNTY),
            unknown.count,
            unknown.total_fen,
            tone="danger" if unknown.total_fen else "",
        ),
        Card(
            gettext("结对关系外（本年）"),
            url_for("figures.totals_page", period=Preset.YEAR.value, pairing="outside"),
            outside.count,
            outside.total_fen,
        ),
    ]


def _last_check(session: Session) -> Card:
    last = record.last(session)
    url, label = url_for("finance.verify_page"), gettext("最近一次全面核验")
    if last is None:
        return Card(label, url, text=gettext("还没有"), tone="warning")
    at = format_instant(last.at)
    if last.problems:
        return Card(label, url, text=gettext("有 %(count)s 项不符", count=len(last.problems)), note=at, tone="danger")
    return Card(label, url, text=gettext("账本相符"), note=at)
