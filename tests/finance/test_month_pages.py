"""The pages of month end: what they show, what they warn of, and what a click does."""

import re
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

import ledger
from shop.db import business_day
from shop.finance.months import service
from shop.identity.models import Role
from tests import factories
from tests.finance.books import post_all

SEPTEMBER = date(2021, 9, 1)


@pytest.fixture
def finance(client: FlaskClient, session: Session) -> FlaskClient:
    post_all(session)
    factories.sign_in(client, factories.user(session, role=Role.FINANCE, name="王会计"))
    return client


def text(client: FlaskClient, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return unescape(answer.get_data(as_text=True))


def send(client: FlaskClient, path: str, **form: Any) -> TestResponse:
    month = path.rpartition("/")[0]
    token = factories.csrf_token(client.get("/account").get_data(as_text=True))
    return client.post(f"/finance/months/{path}", data={"csrf_token": token, **form}, headers={"Referer": month})


class TestMonths:
    def test_shows_how_each_month_stands(self, finance: FlaskClient) -> None:
        send(finance, "aid/2021-09/close")

        page = text(finance, "/finance/months")

        rows = dict(re.findall(r'<tr data-month="([\d-]+)">(.*?)</tr>', page, re.DOTALL))
        assert list(rows) == sorted(rows, reverse=True)
        assert "已结账" in rows["2021-09"]
        assert "王会计" in rows["2021-09"]
        assert "600.06" in rows["2021-09"]
        assert "待结账" in rows["2021-03"]
        assert "产地待查" in rows["2022-05"]
        assert "−" in rows["2021-11"], "the net of a month that only took back"
        assert "6 个月等待结账，最早的是 2021-03" in page

    def test_shows_the_sealed_head_and_what_waits(self, finance: FlaskClient, session: Session) -> None:
        before = text(finance, "/finance/months?book=cash")
        send(finance, "cash/2021-06/close")

        after = text(finance, "/finance/months?book=cash")

        head = ledger.head(session)
        assert "还没有封印" in before
        assert "等待封印：9 笔" in before
        assert f"第 {head.seq} 号" in after
        assert f'data-copy="{head.seq}:{head.hash.hex()}"' in after
        assert "全部记录都已封印" in after

    def test_is_empty_before_the_first_posting(self, client: FlaskClient, session: Session) -> None:
        factories.sign_in(client, factories.user(session, role=Role.AUDITOR))

        assert "还没有可以结账的月份" in text(client, "/finance/months")

    def test_speaks_english_too(self, finance: FlaskClient) -> None:
        with finance.session_transaction() as cookie:
            cookie["language"] = "en"

        assert "To be closed" in text(finance, "/finance/months")
        assert "Earlier months that are open: 3, the first of them " in text(finance, "/finance/months/aid/2021-09")


class TestMonth:
    def test_warns_of_earlier_months_that_are_open(self, finance: FlaskClient) -> None:
        page = text(finance, "/finance/months/aid/2021-09")

        warning = page[page.index("更早还有 3 个月没有结账") : page.index("一般从最早的结起")]
        assert re.findall(r">(\d{4}-\d{2})</a>", warning) == ["2021-03"]

    def test_tells_what_blocks_closing_and_leads_there(self, finance: FlaskClient) -> None:
        page = text(finance, "/finance/months/aid/2022-05")

        link = re.search(r'href="(/finance/accounts/county:unknown:grain[^"]*)"', page)
        assert link is not None
        assert "产地未知 · 粮油" in page
        assert "6,400.64" in text(finance, link[1])
        assert "确认结账" not in page

    def test_says_when_the_running_month_can_be_closed(self, finance: FlaskClient) -> None:
        today = business_day()
        last = (today.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)

        page = text(finance, f"/finance/months/cash/{today:%Y-%m}")

        assert f"{last} 过后才能结账" in page
        assert "确认结账" not in page

    def test_tells_the_history_of_its_closings(self, finance: FlaskClient, session: Session) -> None:
        send(finance, "aid/2021-09/close", reason="三季度")
        send(finance, "aid/2021-09/reopen", reason="更正产地")
        ledger.close_month(session, "aid", SEPTEMBER, by=service.COMMAND_LINE)
        session.commit()

        page = text(finance, "/finance/months/aid/2021-09")

        history = page[page.index("<h2>结账记录") :]
        assert re.findall(r'data-label="理由或备注">(.*?)</td>', history) == ["", "更正产地", "三季度"]
        assert history.count("王会计") == 2
        assert "命令行" in history

    @pytest.mark.parametrize(("path", "status"), [("gold/2021-09", 404), ("aid/2021-13", 422), ("aid/x", 422)])
    def test_knows_its_books_and_months(self, finance: FlaskClient, path: str, status: int) -> None:
        assert finance.get(f"/finance/months/{path}").status_code == status

    def test_lets_an_auditor_look_only(self, client: FlaskClient, session: Session) -> None:
        post_all(session)
        factories.sign_in(client, factories.user(session, role=Role.AUDITOR))

        page = text(client, "/finance/months/aid/2021-03")

        assert "<form" not in page[page.index("<main") : page.index("</main>")]
        assert send(client, "aid/2021-03/close").status_code == 403


class TestChange:
    def test_closes_and_opens_again(self, finance: FlaskClient, session: Session) -> None:
        closed = send(finance, "aid/2021-09/close")
        page = text(finance, closed.location)

        assert "2021-09 已结账" in page
        assert "确认重新打开" in page
        assert send(finance, "aid/2021-09/reopen", reason="更正").status_code == 302
        assert [change.state for change in ledger.period_changes(session, "aid", SEPTEMBER)] == ["closed", "open"]

    def test_keeps_the_form_open_when_the_reason_is_missing(self, finance: FlaskClient) -> None:
        send(finance, "aid/2021-09/close")

        answer = send(finance, "aid/2021-09/reopen", reason=" ")

        page = unescape(answer.get_data(as_text=True))
        assert answer.status_code == 422
        assert "请写明理由" in page
        assert re.search(r"<details[^>]* open>", page)

    @pytest.mark.parametrize(
        ("path", "told"),
        [
            ("aid/2022-05/close", "county:unknown:grain"),
            ("aid/2021-09/reopen", "没有结账"),
            ("aid/2999-01/close", "结束之后才能结账"),
        ],
    )
    def test_tells_on_the_page_why_not(self, finance: FlaskClient, path: str, told: str) -> None:
        answer = send(finance, path, reason="x")

        page = unescape(answer.get_data(as_text=True))
        assert answer.status_code == 409
        assert told in re.findall(r'role="alert">(.*?)</div></div>', page, re.DOTALL)[0]


def test_a_late_fact_shows_its_own_day(finance: FlaskClient, session: Session) -> None:
    send(finance, "aid/2021-09/close")
    leg = ledger.Leg("partner:120000:assisted:market", "county:620821:produce", 5, "sale")
    draft = ledger.Draft("aid", "sale:LATE", date(2021, 9, 28), "sale:LATE", (leg,))
    ledger.post(session, draft, carry_forward=True)
    session.commit()

    for url in ("transfers?source=sale:LATE", "accounts/county:620821:produce?from=2021-10-01"):
        day = re.search(r'data-label="计入日期">(.*?)</td>', text(finance, f"/finance/{url}"), re.DOTALL)
        assert day is not None
        assert re.sub(r"<[^>]+>", "", day[1]).split() == ["2021-10-01", "补记", "2021-09-28"]
