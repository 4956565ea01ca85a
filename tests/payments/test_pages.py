import re
from datetime import date
from html import unescape
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import ledger
from shop.db import business_day
from shop.identity.models import Role
from shop.payments.models import BankReceipt
from tests import factories


@pytest.fixture
def finance(client: FlaskClient, session: Session) -> FlaskClient:
    """Return the browser of somebody of finance."""
    who = factories.user(session, role=Role.FINANCE)
    session.rollback()
    factories.sign_in(client, who)
    return client


def _form(client: FlaskClient, **fields: str) -> dict[str, str]:
    page = client.get("/finance/receipts").get_data(as_text=True)
    once = re.search(r'name="once" value="([^"]+)"', page)
    assert once is not None, page
    typed = {"amount": "1,280.50", "paid_on": business_day().isoformat(), "payer": "李梅", "reference": "货款"}
    return {"csrf_token": factories.csrf_token(page), "once": once.group(1)} | typed | fields


class TestRecordReceipt:
    def test_records_one_receipt_however_often_the_form_is_sent(self, finance: FlaskClient, session: Session) -> None:
        form = _form(finance)

        answers = [finance.post("/finance/receipts", data=form) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [HTTPStatus.FOUND] * 2
        assert [receipt.amount_fen for receipt in session.query(BankReceipt)] == [1_280_50]
        assert ledger.balance(session, "liability:unallocated") == 1_280_50

    @pytest.mark.parametrize(
        "fields",
        [
            {"amount": "0"},
            {"amount": "-1"},
            {"amount": "1.005"},
            {"amount": "1e3"},
            {"amount": ""},
            {"paid_on": "2999-01-01"},
            {"paid_on": "yesterday"},
            {"payer": ""},
        ],
    )
    def test_shows_again_what_it_cannot_take(
        self, finance: FlaskClient, session: Session, fields: dict[str, str]
    ) -> None:
        answer = finance.post("/finance/receipts", data=_form(finance, **fields))

        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "货款" in answer.get_data(as_text=True)
        assert session.query(BankReceipt).count() == 0

    def test_tells_before_it_records_what_counts_in_a_later_month(self, finance: FlaskClient, session: Session) -> None:
        ledger.close_month(session, "cash", date(2021, 6, 1), by="test")
        ledger.close_month(session, "cash", date(2021, 7, 1), by="test")
        session.commit()
        form = _form(finance, paid_on="2021-06-30")

        asked = finance.post("/finance/receipts", data=form)
        page = unescape(asked.get_data(as_text=True))

        assert asked.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "资金账 2021-06 已结账：这笔到账照记，计入 2021-08-01" in page
        assert session.query(BankReceipt).count() == 0
        meant = re.search(r'name="late"[^>]*value="([^"]+)"', page)
        assert meant is not None
        other_day = finance.post("/finance/receipts", data=form | {"late": meant[1], "paid_on": "2021-07-01"})
        assert other_day.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert finance.post("/finance/receipts", data=form | {"late": meant[1]}).status_code == HTTPStatus.FOUND
        transfer = ledger.transfers(session, account="liability:unallocated").rows[0]
        assert (transfer.effective_on, transfer.occurred_on) == (date(2021, 8, 1), date(2021, 6, 30))


class TestReceipts:
    def test_can_show_only_what_waits_for_an_order(self, finance: FlaskClient, session: Session) -> None:
        factories.stock(session)
        buyer = factories.bearer(session, factories.user(session))
        order = finance.post("/api/v1/orders", json=factories.order_request(), headers=buyer).get_json()
        paid = _form(
            finance, payer="已付的人", amount=ledger.format_yuan(order["total_fen"]), reference=order["number"]
        )
        finance.post("/finance/receipts", data=paid)
        finance.post("/finance/receipts", data=_form(finance, payer="不知为何"))

        every = finance.get("/finance/receipts").get_data(as_text=True)
        waiting = finance.get("/finance/receipts?show=unallocated", follow_redirects=True).get_data(as_text=True)

        assert "已付的人" in every
        assert "不知为何" in every
        assert "已付的人" not in waiting
        assert "不知为何" in waiting
