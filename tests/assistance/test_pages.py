"""Off-platform sales in a browser."""

import re
from datetime import date
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import ledger
from shop.identity.models import Role
from tests import factories
from tests.assistance.sales import JINGCHUAN, QINGDAO, TIANJIN, WUDU, People, invoice, report


@pytest.fixture
def officer(client: FlaskClient, session: Session) -> FlaskClient:
    return signed_in(client, session, Role.PARTNER_OFFICER)


def signed_in(client: FlaskClient, session: Session, role: Role) -> FlaskClient:
    factories.sign_in(client, factories.user(session, role=role))
    return client


def typed(number: str, **overrides: str) -> dict[str, str]:
    return {
        "reference": "T-FORM-1",
        "partner": TIANJIN,
        "mode": "assisted",
        "channel": "market",
        "county": JINGCHUAN,
        "category": "produce",
        "product": "泾川苹果",
        "quantity": "120.5",
        "unit": "箱",
        "amount": "1,234.56",
        "sold_on": "2021-09-15",
        "buyer": "天津某超市",
        "evidence-0-kind": "invoice",
        "evidence-0-number": number,
        "evidence-1-kind": "contract",
        "evidence-1-number": "",
        "evidence-2-kind": "bank_slip",
        "evidence-2-number": "回单 77",
    } | overrides


def submit(client: FlaskClient, path: str, data: dict[str, str] | None = None, form_path: str = "") -> Any:
    page = client.get(form_path or path).get_data(as_text=True)
    once = re.search(r'name="once" value="([^"]+)"', page)
    assert once is not None
    hidden = {"csrf_token": factories.csrf_token(page), "once": once.group(1)}
    return client.post(path, data=hidden | (data or {}))


class TestForm:
    def test_reports_a_sale(self, officer: FlaskClient) -> None:
        answer = submit(officer, "/sales/new", typed(invoice()))

        assert answer.status_code == 302
        page = unescape(officer.get(answer.headers["Location"]).get_data(as_text=True))
        for shown in ("泾川苹果", "120.5 箱", "1,234.56", "天津某超市", "回单77", "待确认", "尚未计入台账"):
            assert shown in page

    def test_offers_an_officer_their_own_partner_only(self, officer: FlaskClient) -> None:
        page = officer.get("/sales/new").get_data(as_text=True)

        assert f'value="{TIANJIN}"' in page
        assert f'value="{QINGDAO}"' not in page
        assert page.count('name="evidence-') >= 6
        assert "<optgroup" in page

    def test_keeps_what_was_typed_and_says_what_is_wrong(self, officer: FlaskClient) -> None:
        answer = submit(
            officer, "/sales/new", typed("123", product="静宁苹果", amount="一百元", **{"evidence-2-number": ""})
        )

        page = unescape(answer.get_data(as_text=True))
        assert answer.status_code == 422
        assert 'value="静宁苹果"' in page
        assert 'value="一百元"' in page
        assert "请填写金额" in page

    def test_puts_a_refusal_beside_the_paper_that_it_is_about(self, officer: FlaskClient) -> None:
        number = invoice()
        submit(officer, "/sales/new", typed(number))

        late = {"evidence-0-number": "", "evidence-1-kind": "invoice", "evidence-1-number": number}
        answer = submit(officer, "/sales/new", typed("", reference="T-FORM-2", **late))

        page = unescape(answer.get_data(as_text=True))
        assert answer.status_code == 409
        assert re.search(r'id="evidence-1-number-error".{0,400}已用于销售 T-FORM-1', page, re.DOTALL)

    def test_says_all_that_is_wrong_at_once(self, officer: FlaskClient) -> None:
        number = invoice()
        submit(officer, "/sales/new", typed(number))
        wrong = {"product": "", "quantity": "很多", "amount": "一百元", "sold_on": "昨天", "buyer": "某" * 201}
        papers = {"evidence-1-kind": "invoice", "evidence-1-number": f" {number[:8]} {number[8:]}"}

        answer = submit(officer, "/sales/new", typed("123", **wrong, **papers))

        page = unescape(answer.get_data(as_text=True))
        assert answer.status_code == 422
        marked = {"reference", *wrong, "evidence-0-number", "evidence-1-number"}
        assert set(re.findall(r'class="gw-field-error" id="([\w-]+)-error"', page)) == marked
        assert re.search(r'id="evidence-1-number-error".{0,400}已用于销售 T-FORM-1', page, re.DOTALL)
        assert "共 1 笔" in unescape(officer.get("/sales").get_data(as_text=True))

    @pytest.mark.parametrize(
        "odd",
        [
            {"mode": "gift"},
            {"mode": ""},
            {"partner": "x"},
            {"channel": ""},
            {"evidence-0-kind": "letter"},
            {"reference": "a/b"},
            {"evidence-2-number": "回单\x01 77"},
            {"quantity": "NaN"},
            {"sold_on": "9999-12-31"},
        ],
    )
    def test_refuses_what_no_browser_sends(self, officer: FlaskClient, odd: dict[str, str]) -> None:
        answer = submit(officer, "/sales/new", typed(invoice(), **odd))

        assert answer.status_code == 422
        assert "还不能提交" in answer.get_data(as_text=True)

    @pytest.mark.parametrize(("sent", "in_use", "shown"), [(3, 0, 3), (3, 2, 3), (3, 3, 4), (6, 2, 3), (20, 20, 20)])
    def test_shows_one_blank_row_however_often_it_is_refused(
        self, officer: FlaskClient, sent: int, in_use: int, shown: int
    ) -> None:
        form = {name: value for name, value in typed("").items() if not name.startswith("evidence")} | {"product": ""}
        for row in range(sent):
            form[f"evidence-{row}-kind"] = "contract"
            form[f"evidence-{row}-number"] = f"合同 {row}" if row < in_use else ""

        for _ in range(2):
            page = submit(officer, "/sales/new", form).get_data(as_text=True)
            rows = re.findall(r'name="(evidence-\d+-number)"', page)
            assert rows == [f"evidence-{row}-number" for row in range(shown)]
            form |= {name: form.get(name, "") for name in rows}

    def test_sent_twice_reports_once(self, officer: FlaskClient) -> None:
        page = officer.get("/sales/new").get_data(as_text=True)
        once = re.search(r'name="once" value="([^"]+)"', page)
        assert once is not None
        data = typed(invoice()) | {"csrf_token": factories.csrf_token(page), "once": once.group(1)}

        answers = [officer.post("/sales/new", data=data) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [302, 302]
        assert "共 1 笔" in unescape(officer.get("/sales").get_data(as_text=True))


class TestDecisions:
    def test_confirming_posts_and_shows_the_transfer(self, app: Flask, client: FlaskClient, session: Session) -> None:
        people = People(session)
        reference = report(app.test_client(), people.officer).get_json()["reference"]
        finance = signed_in(client, session, Role.FINANCE)

        submit(finance, f"/sales/{reference}/confirm", form_path=f"/sales/{reference}")

        page = unescape(finance.get(f"/sales/{reference}").get_data(as_text=True))
        assert "已确认" in page
        assert "county:620821:produce" in page
        assert ledger.totals(session, book="aid", by=()).total_fen == 1_234_56

        refused = submit(finance, f"/sales/{reference}/reverse", {"reason": " "}, form_path=f"/sales/{reference}")
        assert refused.status_code == 422
        submit(finance, f"/sales/{reference}/reverse", {"reason": "退货"}, form_path=f"/sales/{reference}")
        assert "已冲销" in unescape(finance.get(f"/sales/{reference}").get_data(as_text=True))

    @pytest.mark.parametrize(
        ("role", "offered"),
        [
            (Role.PARTNER_OFFICER, set()),
            (Role.AUDITOR, set()),
            (Role.OPERATOR, {"confirm", "reject"}),
            (Role.FINANCE, {"confirm", "reject"}),
        ],
    )
    def test_offers_each_role_its_own(
        self, app: Flask, client: FlaskClient, session: Session, role: Role, offered: set[str]
    ) -> None:
        reference = report(app.test_client(), People(session).operator).get_json()["reference"]

        page = signed_in(client, session, role).get(f"/sales/{reference}").get_data(as_text=True)

        assert set(re.findall(r'action="/sales/[^"]+/(\w+)"', page)) == offered


class TestList:
    def test_shows_an_officer_their_own_partner_only(self, app: Flask, officer: FlaskClient, session: Session) -> None:
        people, api = People(session), app.test_client()
        mine = report(api, people.operator).get_json()["reference"]
        other = report(api, people.operator, partner=QINGDAO, county=WUDU).get_json()["reference"]

        page = officer.get("/sales").get_data(as_text=True)

        assert mine in page
        assert other not in page
        assert officer.get(f"/sales/{other}").status_code == 404

    def test_filters_by_status(self, app: Flask, client: FlaskClient, session: Session) -> None:
        reference = report(app.test_client(), People(session).officer).get_json()["reference"]
        finance = signed_in(client, session, Role.FINANCE)

        assert reference in finance.get("/sales?status=reported").get_data(as_text=True)
        assert reference not in finance.get("/sales?status=confirmed").get_data(as_text=True)

    def test_reads_a_page_in_a_fixed_number_of_queries(
        self, app: Flask, client: FlaskClient, session: Session, count_queries: Any
    ) -> None:
        finance, people, api = signed_in(client, session, Role.FINANCE), People(session), app.test_client()

        counts = []
        for _ in range(2):
            for _ in range(5):
                report(api, people.officer)
            with count_queries() as queries:
                finance.get("/sales")
            counts.append(len(queries))

        assert counts[0] == counts[1]


class TestSalePage:
    def test_names_accounts_in_words_and_tells_when_a_late_sale_counts(
        self, client: FlaskClient, session: Session
    ) -> None:
        people = People(session)
        reference = report(client, people.officer, sold_on="2021-09-15").get_json()["reference"]
        ledger.close_month(session, "aid", date(2021, 9, 1), by="test")
        session.commit()
        factories.sign_in(client, factories.user(session, role=Role.FINANCE))

        before = unescape(client.get(f"/sales/{reference}").get_data(as_text=True))
        submit(client, f"/sales/{reference}/confirm", form_path=f"/sales/{reference}")
        after = unescape(client.get(f"/sales/{reference}").get_data(as_text=True))

        assert "2021-09 已结账：确认之后这笔销售计入 2021-10-01" in before
        assert re.search(r"天津市 · 帮助销售 · 商超<div[^>]*>partner:120000:assisted:market<", after)
        assert "补记 2021-09-15" in after
