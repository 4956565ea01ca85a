"""The pages over the ledger: what they show equals what the API and the file say."""

import csv
import io
import re
from dataclasses import replace
from html import unescape

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.finance import tables
from shop.finance.declared import coverage_percent
from shop.identity.models import OrganisationKind, Role
from tests import factories
from tests.finance.books import NET_FEN, post_all
from tests.finance.documents import make_all

CUTS = {
    "partner": "side,partner,mode",
    "county": "side,county",
    "category": "side,category",
    "channel": "side,channel",
    "month": "side,month",
}


@pytest.fixture
def finance(client: FlaskClient, session: Session) -> FlaskClient:
    post_all(session)
    factories.sign_in(client, factories.user(session, role=Role.FINANCE))
    return client


def text(client: FlaskClient, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return unescape(answer.get_data(as_text=True))


def fen(shown: str) -> int:
    """Read an amount as the pages print it."""
    digits = re.sub(r"<[^>]+>|[¥,.\s]", "", shown)
    return int(digits.replace("−", "-"))


def lines(page: str) -> list[tuple[str, str, int, int]]:
    """Read the totals table: kind, link, amount and count of every line."""
    found = re.findall(
        r'data-line="(\w+)">.*?<a href="(/finance/transfers[^"]*)">(.*?)</a>.*?<td[^>]*>(\d+)</td>', page, re.DOTALL
    )
    return [(kind, link, fen(amount), int(count)) for kind, link, amount, count in found]


class TestTotals:
    @pytest.mark.parametrize("cut", CUTS)
    def test_screen_file_and_api_agree(self, finance: FlaskClient, session: Session, cut: str) -> None:
        query = f"cut={cut}&period=all"
        screen = lines(text(finance, f"/finance/totals?{query}"))
        file = list(csv.reader(io.StringIO(finance.get(f"/finance/totals.csv?{query}").data.decode("utf-8-sig"))))
        headers = factories.bearer(session, factories.user(session, role=Role.AUDITOR))
        api = finance.get(f"/api/v1/totals?by={CUTS[cut]}", headers=headers).get_json()

        column = file[0].index("金额（分）")
        assert [(amount, count) for _, _, amount, count in screen] == [
            (int(row[column]), int(row[column + 1])) for row in file[1:]
        ]
        rows = sum(amount for kind, _, amount, _ in screen if kind == "row")
        subtotals = sum(amount for kind, _, amount, _ in screen if kind == "subtotal")
        assert rows == subtotals == screen[-1][2] == api["total_fen"] == NET_FEN
        by_side = {
            side: sum(row["amount_fen"] for row in api["rows"] if row["side"] == side)
            for side in ("eastern", "central", "none")
        }
        assert [amount for kind, _, amount, _ in screen if kind == "subtotal"] == list(by_side.values())

    @pytest.mark.parametrize("cut", CUTS)
    def test_every_figure_leads_to_the_transfers_that_make_it_up(self, finance: FlaskClient, cut: str) -> None:
        page = text(finance, f"/finance/totals?cut={cut}&from=2021-01-01&to=2021-12-31")

        found = lines(page)
        assert len(found) > 4
        for _, link, amount, count in found:
            behind = text(finance, link)
            shown = re.findall(r'data-label="金额">(.*?)</td>', behind, re.DOTALL)
            assert (sum(map(fen, shown)), len(shown)) == (amount, count), link

    def test_shows_what_lies_outside_the_pairings_on_its_own_line(self, finance: FlaskClient) -> None:
        page = text(finance, "/finance/totals?cut=county&period=2021-09")

        outside = re.findall(r"武都区</a>\s*<span[^>]*>结对关系外</span>.*?<a [^>]*>(.*?)</a>", page, re.DOTALL)
        assert [fen(amount) for amount in outside] == [400_04]

    def test_never_sums_the_sides_without_saying_so(self, finance: FlaskClient) -> None:
        page = text(finance, "/finance/totals?period=all")

        assert page.count(str(tables.GRAND_TOTAL)) == 1
        for side in ("东部协作省市小计", "中央定点帮扶单位小计", "社会购买小计"):
            assert side in page
        assert "2021.1" in page

    def test_prints_the_rules_and_room_to_sign(self, finance: FlaskClient) -> None:
        for url in ("totals?period=all", "transfers?side=eastern", "declared", "accounts/county:620821:grain"):
            assert "计入规则版本：2021.1" in text(finance, f"/finance/{url}")
        for url in ("totals?period=all", "accounts/asset:bank:test"):
            assert re.search("制表：.*复核：.*负责人：", text(finance, f"/finance/{url}"))

    def test_is_empty_without_a_posting(self, finance: FlaskClient) -> None:
        assert "这段时间没有记账" in text(finance, "/finance/totals?from=2019-01-01&to=2019-12-31")

    def test_limits_an_officer_to_their_partner(self, client: FlaskClient, session: Session) -> None:
        post_all(session)
        home = factories.organisation(session, kind=OrganisationKind.PARTNER, partner_code="370200")
        factories.sign_in(client, factories.user(session, role=Role.PARTNER_OFFICER, organisation=home))

        page = text(client, "/finance/totals?period=all")

        assert "仅含本单位：青岛市" in page
        assert "天津市" not in page
        assert "中央定点帮扶单位" not in page, "a zero there would be a statement about others"
        assert str(tables.GRAND_TOTAL) not in page
        assert "/finance/transfers?" not in page
        assert client.get("/finance/transfers").status_code == 403


class TestFile:
    def test_says_what_it_is(self, finance: FlaskClient, app: Flask) -> None:
        url = "/finance/totals.csv?period=2021-09"
        real = finance.get(url)
        settings = app.config["SETTINGS"]
        app.config["SETTINGS"] = replace(settings, demo=True)
        try:
            demo = finance.get(url).data.decode("utf-8-sig")
        finally:
            app.config["SETTINGS"] = settings

        assert real.data.startswith(b"\xef\xbb\xbf")
        assert "演示数据" not in real.data.decode("utf-8-sig")
        assert all(line.endswith("演示数据") for line in demo.splitlines()[1:])

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
    def test_holds_no_formula(self, text: str) -> None:
        assert tables.guarded(text) == "'" + text

    def test_writes_plain_yuan(self) -> None:
        assert [tables.plain_yuan(amount) for amount in (0, 5, -5, 123_456_789)] == [
            "0.00",
            "0.05",
            "-0.05",
            "1234567.89",
        ]


class TestLedgerPages:
    def test_a_transfer_leads_to_its_document(self, finance: FlaskClient) -> None:
        page = text(finance, "/finance/transfers")

        for url in ("/sales/B-1", "/orders/B-4", "/finance/receipts"):
            assert f'href="{url}"' in page

    def test_a_statement_runs_from_opening_to_closing(self, finance: FlaskClient) -> None:
        page = text(finance, "/finance/accounts/partner:120000:assisted:market?from=2021-09-01&to=2021-09-30")

        assert "天津市 · 帮助销售 · 商超" in page
        assert [fen(stat) for stat in re.findall(r'gw-stat-value">(.*?)</div>', page)] == [100_01, 500_05]

    def test_accounts_are_named(self, finance: FlaskClient) -> None:
        assert "泾川县 · 粮油" in text(finance, "/finance/accounts?prefix=county:620821")
        assert "待认领款项" in text(finance, "/finance/accounts?book=cash")

    def test_accounts_of_buyers_and_suppliers_carry_their_names(self, client: FlaskClient, session: Session) -> None:
        make_all(client, session)
        factories.sign_in(client, factories.user(session, role=Role.FINANCE))
        buyer = session.execute(
            sa.text('SELECT code, name FROM organisation JOIN "order" o ON o.organisation_id = organisation.id')
        ).first()
        assert buyer is not None

        label = f"应收（挂账单位） · {buyer.name}"
        supplier = session.scalar(sa.text("SELECT name FROM producer WHERE code = 'S-621102'"))

        assert f"应付供货方 · {supplier}" in text(client, "/finance/accounts?book=cash")
        assert f">{label}</a>" in text(client, "/finance/accounts/asset:bank:test")
        assert f">{label}</a>" in text(client, "/finance/transfers?book=cash")
        assert f"<h1>{label}" in re.sub(
            r"<h1[^>]*>", "<h1>", text(client, f"/finance/accounts/asset:receivable:{buyer.code}")
        )

    @pytest.mark.parametrize(
        "url",
        [
            "/finance/transfers?account=x",
            "/finance/transfers?from=x",
            "/finance/accounts/x",
            "/finance/transfers?cursor=x",
        ],
    )
    def test_refuses_what_cannot_be(self, finance: FlaskClient, url: str) -> None:
        assert finance.get(url).status_code == 422


class TestDeclared:
    def test_stands_beside_what_is_evidenced(self, finance: FlaskClient) -> None:
        page = text(finance, "/finance/declared")

        assert page.count('data-label="公布数"') == 43
        assert "23.51亿元" in page
        assert "2.55亿元" in page
        assert "700.07" in page  # eastern, January to September 2021
        assert "不足 0.0001%" in page
        assert "26.06" not in page

    def test_coverage_is_exact(self) -> None:
        assert str(coverage_percent(235_100_000_000, 235_100_000_000)) == "100.0000"
        assert str(coverage_percent(1, 3)) == "33.3333"
        assert str(coverage_percent(2, 3)) == "66.6667"


class TestVerify:
    def test_finds_the_books_in_order_and_names_a_tampered_row(
        self, client: FlaskClient, session: Session, superuser: sa.Engine
    ) -> None:
        make_all(client, session)
        factories.sign_in(client, factories.user(session, role=Role.AUDITOR))

        def verified() -> str:
            token = factories.csrf_token(text(client, "/finance/verify"))
            answer = client.post("/finance/verify", data={"csrf_token": token})
            return unescape(answer.get_data(as_text=True))

        assert "账本相符" in verified()
        with superuser.begin() as connection:
            connection.execute(sa.text("UPDATE sale SET amount_fen = amount_fen + 1 WHERE reference = 'T-1'"))

        page = verified()
        assert "有 1 项检查不符" in page
        assert "sale:T-1" in page
