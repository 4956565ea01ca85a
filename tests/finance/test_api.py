"""Totals and drill-down through the API."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import ledger
from shop.identity.models import OrganisationKind, Role
from tests import factories
from tests.finance.books import NET_FEN, POSTINGS, REVERSED_FEN, post_all


@pytest.fixture
def finance(session: Session) -> dict[str, str]:
    post_all(session)
    return headers_of(session, Role.FINANCE)


def headers_of(session: Session, role: Role, **member: Any) -> dict[str, str]:
    return factories.bearer(session, factories.user(session, role=role, **member))


def totals(client: FlaskClient, headers: dict[str, str], query: str = "") -> dict[str, Any]:
    answer = client.get(f"/api/v1/totals?{query}", headers=headers)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    body: dict[str, Any] = answer.get_json()
    return body


class TestTotals:
    def test_names_what_has_a_code(self, client: FlaskClient, finance: dict[str, str]) -> None:
        body = totals(client, finance, "book=aid&by=partner,mode&from=2021-01-01&to=2021-09-30")

        tianjin = [row for row in body["rows"] if row["partner"]["code"] == "120000"]
        assert tianjin == [
            {
                "partner": {"code": "120000", "name": "天津市", "side": "eastern"},
                "mode": "assisted",
                "amount_fen": 100_01 + 400_04,
                "count": 2,
            },
            {
                "partner": {"code": "120000", "name": "天津市", "side": "eastern"},
                "mode": "direct",
                "amount_fen": 200_02,
                "count": 1,
            },
        ]
        assert body["total_fen"] == sum(row["amount_fen"] for row in body["rows"])
        assert body["rules"] == ["2021.1"]
        assert body["is_demo"] is False
        assert body["as_of"]

    def test_says_that_a_demo_is_one(self, app: Flask, client: FlaskClient, finance: dict[str, str]) -> None:
        settings = app.config["SETTINGS"]
        app.config["SETTINGS"] = replace(settings, demo=True)
        try:
            sums = client.get("/api/v1/totals", headers=finance)
            state = client.get("/api/v1/ledger/accounts/liability:unallocated/statement", headers=finance)
            rows = client.get("/api/v1/ledger/transfers", headers=finance)
        finally:
            app.config["SETTINGS"] = settings

        assert sums.get_json()["is_demo"] is state.get_json()["is_demo"] is True
        assert {answer.headers["X-Ganwei-Data"] for answer in (sums, state, rows)} == {"demo"}
        assert "X-Ganwei-Data" not in client.get("/api/v1/totals", headers=finance).headers

    @pytest.mark.parametrize("by", [*ledger.DIMENSIONS["aid"], "partner,county,month", ""])
    def test_every_cut_has_the_same_sum(self, client: FlaskClient, finance: dict[str, str], by: str) -> None:
        body = totals(client, finance, f"by={by}")

        assert body["total_fen"] == sum(row["amount_fen"] for row in body["rows"]) == NET_FEN
        assert body["count"] == len(POSTINGS) + 1

    def test_includes_both_days(self, client: FlaskClient, finance: dict[str, str]) -> None:
        body = totals(client, finance, "by=month&from=2021-09-30&to=2021-10-01")

        assert [(row["month"], row["amount_fen"]) for row in body["rows"]] == [
            ("2021-09", 600_06),
            ("2021-10", 800_08),
        ]

    def test_counts_a_reversal_negative_in_its_own_month(self, client: FlaskClient, finance: dict[str, str]) -> None:
        body = totals(client, finance, "by=month&from=2021-11-01&to=2021-11-30")

        assert body["rows"] == [{"month": "2021-11", "amount_fen": -REVERSED_FEN, "count": 1}]

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("by=colour", "by"),
            ("book=gold", "book"),
            ("book=cash&by=partner", "by"),
            ("from=2021-02-30", "from"),
            ("from=2021-03-01&to=2021-02-01", "to"),
            ("to=9999-12-31", "to"),
            ("colour=red", "colour"),
        ],
    )
    def test_names_the_wrong_field(self, client: FlaskClient, finance: dict[str, str], query: str, field: str) -> None:
        answer = client.get(f"/api/v1/totals?{query}", headers=finance)

        assert answer.status_code == 422
        assert answer.content_type == "application/problem+json"
        assert [error["field"] for error in answer.get_json()["errors"]] == [field]

    def test_shows_an_officer_their_own_partner_only(self, client: FlaskClient, session: Session) -> None:
        post_all(session)
        home = factories.organisation(session, kind=OrganisationKind.PARTNER, partner_code="370200")
        officer = headers_of(session, Role.PARTNER_OFFICER, organisation=home)

        body = totals(client, officer, "by=partner,county")

        assert [(row["partner"]["code"], row["amount_fen"]) for row in body["rows"]] == [("370200", 800_08)]
        assert body["total_fen"] == 800_08
        assert client.get("/api/v1/totals?book=cash&by=account", headers=officer).status_code == 403

    def test_is_for_those_who_keep_or_read_the_books(self, client: FlaskClient, session: Session) -> None:
        expected = {Role.FINANCE: 200, Role.AUDITOR: 200, Role.OPERATOR: 200, Role.CANTEEN: 403}

        assert {
            role: client.get("/api/v1/totals", headers=headers_of(session, role)).status_code for role in expected
        } == expected
        assert client.get("/api/v1/totals").status_code == 401


class TestLedger:
    def test_pages_through_every_transfer_once(self, client: FlaskClient, finance: dict[str, str]) -> None:
        seen, url = [], "/api/v1/ledger/transfers?page_size=2"
        while url:
            answer = client.get(url, headers=finance)
            assert answer.status_code == 200
            seen += answer.get_json()
            url = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")

        assert len({row["id"] for row in seen}) == len(seen) == len(POSTINGS) + 2
        assert [row["effective_on"] for row in seen] == sorted(row["effective_on"] for row in seen)

    def test_finds_what_lies_behind_a_source_and_an_account(self, client: FlaskClient, finance: dict[str, str]) -> None:
        by_source = client.get("/api/v1/ledger/transfers?source=sale:B-0", headers=finance).get_json()
        by_account = client.get(
            "/api/v1/ledger/transfers?account=county:621202:forest&from=2021-01-01&to=2021-09-30", headers=finance
        ).get_json()

        assert [row["reverses"] for row in by_source] == [None, "sale:B-0"]
        assert [(row["amount_fen"], row["debit_account"]) for row in by_account] == [
            (400_04, "partner:120000:assisted:market")
        ]

    def test_states_an_account(self, client: FlaskClient, finance: dict[str, str]) -> None:
        url = "/api/v1/ledger/accounts/partner:120000:assisted:market/statement"

        body = client.get(f"{url}?from=2021-09-01&to=2021-12-31", headers=finance).get_json()

        assert (body["opening_fen"], body["closing_fen"]) == (100_01, 100_01 + 400_04 - REVERSED_FEN)
        assert [line["balance_fen"] for line in body["rows"]] == [100_01 + 400_04, 100_01 + 400_04 - REVERSED_FEN]

    def test_lists_the_accounts_of_a_book(self, client: FlaskClient, finance: dict[str, str]) -> None:
        answer = client.get("/api/v1/ledger/accounts?book=cash&page_size=1", headers=finance)

        assert answer.get_json() == [{"code": "asset:bank:test", "book": "cash", "kind": "asset", "balance_fen": 55_55}]
        assert '"total": 2' in answer.headers["X-Pagination"]

    @pytest.mark.parametrize(
        ("path", "field"),
        [
            ("transfers?account=gold", "account"),
            ("transfers?cursor=nonsense", "cursor"),
            ("transfers?page_size=0", "page_size"),
            ("transfers?source=%00", "source"),
            ("accounts?prefix=%00", "prefix"),
            ("accounts/gold/statement", "account"),
        ],
    )
    def test_names_the_wrong_field(self, client: FlaskClient, finance: dict[str, str], path: str, field: str) -> None:
        answer = client.get(f"/api/v1/ledger/{path}", headers=finance)

        assert answer.status_code == 422
        assert [error["field"] for error in answer.get_json()["errors"]] == [field]

    @pytest.mark.parametrize("role", [Role.OPERATOR, Role.PARTNER_OFFICER, Role.CANTEEN])
    @pytest.mark.parametrize("path", ["transfers", "accounts", "accounts/liability:prepaid/statement"])
    def test_is_for_finance_and_auditors_only(
        self, client: FlaskClient, session: Session, role: Role, path: str
    ) -> None:
        assert client.get(f"/api/v1/ledger/{path}", headers=headers_of(session, role)).status_code == 403
