"""Month end through the API: who may close which month, what it seals, and what comes after it."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import ledger
from shop.db import business_day
from shop.identity.models import AuditEvent, Role
from tests import factories
from tests.finance.books import NET_FEN, POSTINGS, post_all


@pytest.fixture
def finance(session: Session) -> dict[str, str]:
    post_all(session)
    return headers_of(session, Role.FINANCE)


def headers_of(session: Session, role: Role) -> dict[str, str]:
    return factories.bearer(session, factories.user(session, role=role))


def change(client: FlaskClient, who: dict[str, str], path: str, body: dict[str, Any] | None = None) -> Any:
    return client.post(f"/api/v1/periods/{path}", json=body or {}, headers={"Idempotency-Key": factories.key()} | who)


class TestClose:
    def test_answers_with_the_month_and_the_seal_that_covers_it(
        self, client: FlaskClient, session: Session, finance: dict[str, str]
    ) -> None:
        answer = change(client, finance, "aid/2021-09/close", {"reason": "三季度"})

        assert answer.status_code == 200, answer.get_data(as_text=True)
        body = answer.get_json()
        head = ledger.head(session)
        assert body.pop("head") == {"seq": head.seq, "hash": head.hash.hex()}
        assert body.pop("changed_at").startswith(f"{business_day().year}-")
        assert "@" in body.pop("changed_by")
        assert body == {
            "book": "aid",
            "month": "2021-09",
            "state": "closed",
            "entries": 2,
            "transfers": 2,
            "turnover_fen": 600_06,
            "total_fen": 600_06,
            "reason": "三季度",
        }
        assert (head.seq >= len(POSTINGS) + 2, head.waiting) == (True, 0), "everything is sealed, the closing too"

    def test_needs_no_body(self, client: FlaskClient, finance: dict[str, str]) -> None:
        assert client.post("/api/v1/periods/cash/2021-06/close", headers=finance).status_code == 200

    def test_leaves_an_audit_row_of_its_own_commit(
        self, client: FlaskClient, session: Session, finance: dict[str, str]
    ) -> None:
        body = change(client, finance, "aid/2021-09/close").get_json()
        change(client, finance, "aid/2021-09/close")
        change(client, finance, "aid/2021-09/reopen", {"reason": "更正"})

        events = session.scalars(sa.select(AuditEvent).where(AuditEvent.subject == "period:aid:2021-09")).all()
        assert [event.action for event in events] == ["period.closed", "period.reopened"]
        assert events[0].detail["head"] == f"{body['head']['seq']}:{body['head']['hash']}"
        assert events[0].detail["turnover_fen"] == 600_06
        assert events[1].detail == {"reason": "更正"}

    def test_happens_once_under_one_key(self, client: FlaskClient, session: Session, finance: dict[str, str]) -> None:
        headers = finance | {"Idempotency-Key": factories.key()}

        first, second = (change(client, headers, "aid/2021-09/close") for _ in range(2))

        assert (first.status_code, first.get_json()) == (second.status_code, second.get_json())
        assert len(ledger.period_changes(session, "aid", date(2021, 9, 1))) == 1

    @pytest.mark.parametrize("months_ahead", [0, 1])
    def test_waits_for_the_months_end(self, client: FlaskClient, finance: dict[str, str], months_ahead: int) -> None:
        month = (business_day().replace(day=1) + timedelta(days=31 * months_ahead)).strftime("%Y-%m")

        answer = change(client, finance, f"aid/{month}/close")

        assert answer.status_code == 409
        assert answer.get_json()["type"].endswith("/month-not-over")

    def test_refuses_a_closed_month(self, client: FlaskClient, finance: dict[str, str]) -> None:
        change(client, finance, "aid/2021-09/close")

        answer = change(client, finance, "aid/2021-09/close")

        assert answer.status_code == 409
        assert answer.get_json()["type"].endswith("/month-closed")

    def test_names_the_accounts_whose_origin_is_unknown(
        self, client: FlaskClient, session: Session, finance: dict[str, str]
    ) -> None:
        answer = change(client, finance, "aid/2022-06/close")

        assert answer.status_code == 409
        body = answer.get_json()
        assert body["type"].endswith("/unknown-origin")
        assert body["errors"] == [{"field": "account", "message": "county:unknown:grain"}]
        assert "county:unknown:grain" in body["detail"]
        assert ledger.head(session).seq == 0, "a refusal leaves nothing"

    @pytest.mark.parametrize(
        ("path", "status"),
        [("gold/2021-09", 404), ("aid/2021-13", 422), ("aid/2021-9", 422), ("aid/0000-01", 422), ("aid/９月", 422)],
    )
    @pytest.mark.parametrize("step", ["close", "reopen"])
    def test_knows_its_books_and_months(
        self, client: FlaskClient, finance: dict[str, str], path: str, status: int, step: str
    ) -> None:
        answer = change(client, finance, f"{path}/{step}", {"reason": "x"})

        assert answer.status_code == status
        assert answer.content_type == "application/problem+json"

    @pytest.mark.parametrize("role", [role for role in Role if role is not Role.FINANCE])
    @pytest.mark.parametrize("step", ["close", "reopen"])
    def test_is_for_finance_only(self, client: FlaskClient, session: Session, role: Role, step: str) -> None:
        answer = change(client, headers_of(session, role), f"aid/2021-09/{step}", {"reason": "x"})

        assert answer.status_code == 403


class TestReopen:
    def test_puts_the_reason_on_record_and_takes_postings_again(
        self, client: FlaskClient, session: Session, finance: dict[str, str]
    ) -> None:
        change(client, finance, "aid/2021-09/close")

        answer = change(client, finance, "aid/2021-09/reopen", {"reason": " 更正产地 "})

        assert answer.status_code == 200
        body = answer.get_json()
        assert (body["state"], body["entries"], body["reason"]) == ("open", None, "更正产地")
        ledger.post(session, late_draft())
        assert [change.reason for change in ledger.period_changes(session, "aid", date(2021, 9, 1))] == ["", "更正产地"]

    @pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 201}])
    def test_asks_for_a_reason(self, client: FlaskClient, finance: dict[str, str], body: dict[str, str]) -> None:
        change(client, finance, "aid/2021-09/close")

        answer = change(client, finance, "aid/2021-09/reopen", body)

        assert answer.status_code == 422
        assert [error["field"] for error in answer.get_json()["errors"]] == ["reason"]

    def test_refuses_an_open_month(self, client: FlaskClient, finance: dict[str, str]) -> None:
        answer = change(client, finance, "aid/2021-09/reopen", {"reason": "x"})

        assert answer.status_code == 409
        assert answer.get_json()["type"].endswith("/month-open")


def late_draft() -> ledger.Draft:
    leg = ledger.Leg("partner:120000:assisted:market", "county:620821:produce", 5, "sale")
    return ledger.Draft("aid", "sale:LATE", date(2021, 9, 28), "sale:LATE", (leg,))


class TestList:
    def test_shows_both_books_the_newest_month_first(self, client: FlaskClient, finance: dict[str, str]) -> None:
        change(client, finance, "cash/2021-06/close")

        answer = client.get("/api/v1/periods", headers=finance)

        rows = answer.get_json()
        assert [row["month"] for row in rows] == sorted((row["month"] for row in rows), reverse=True)
        assert sum(row["total_fen"] for row in rows if row["book"] == "aid") == NET_FEN
        assert [(row["state"], row["total_fen"]) for row in rows if row["book"] == "cash"] == [("closed", None)]
        reversal = next(row for row in rows if row["month"] == "2021-11")
        assert (reversal["turnover_fen"], reversal["total_fen"]) == (33_33, -33_33)
        assert (reversal["changed_at"], reversal["changed_by"], reversal["reason"]) == (None, None, None)

    def test_pages_and_filters(self, client: FlaskClient, finance: dict[str, str]) -> None:
        answer = client.get("/api/v1/periods?book=aid&page_size=2&page=2", headers=finance)

        assert [row["month"] for row in answer.get_json()] == ["2021-10", "2021-09"]
        assert '"total": 7' in answer.headers["X-Pagination"]
        assert client.get("/api/v1/periods?book=gold", headers=finance).status_code == 422

    def test_is_open_to_the_auditor(self, client: FlaskClient, session: Session) -> None:
        assert client.get("/api/v1/periods", headers=headers_of(session, Role.AUDITOR)).get_json() == []


class TestHead:
    def test_is_all_zeros_before_the_first_seal(self, client: FlaskClient, finance: dict[str, str]) -> None:
        body = client.get("/api/v1/ledger/head", headers=finance).get_json()

        assert body == {"seq": 0, "hash": "0" * 64, "sealed_at": None, "waiting": len(POSTINGS) + 2}

    def test_stands_for_everything_after_a_closing(
        self, client: FlaskClient, session: Session, finance: dict[str, str]
    ) -> None:
        closed = change(client, finance, "aid/2021-09/close").get_json()

        body = client.get("/api/v1/ledger/head", headers=headers_of(session, Role.AUDITOR)).get_json()

        assert {name: body[name] for name in ("seq", "hash")} == closed["head"]
        assert (body["waiting"], body["sealed_at"] is None) == (0, False)


class TestLateFact:
    def test_counts_in_the_open_month_and_shows_its_own_day(
        self, client: FlaskClient, session: Session, finance: dict[str, str]
    ) -> None:
        change(client, finance, "aid/2021-09/close")
        before = client.get("/api/v1/totals?from=2021-09-01&to=2021-09-30", headers=finance).get_json()
        ledger.post(session, late_draft(), carry_forward=True)
        session.commit()

        (row,) = client.get("/api/v1/ledger/transfers?source=sale:LATE", headers=finance).get_json()
        after = client.get("/api/v1/totals?from=2021-09-01&to=2021-09-30", headers=finance).get_json()

        assert (row["effective_on"], row["occurred_on"]) == ("2021-10-01", "2021-09-28")
        assert after["rows"] == before["rows"], "a closed month does not change"


def test_the_description_of_the_api_knows_months(client: FlaskClient) -> None:
    paths = client.get("/api/v1/openapi.json").get_json()["paths"]

    close = paths["/api/v1/periods/{book}/{month}/close"]["post"]
    assert close["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/ChangedPeriod"
    }
    known = {parameter["name"] for parameter in paths["/api/v1/totals"]["get"]["parameters"]}
    assert {"known_at", "from", "to"} <= known
    assert "/api/v1/ledger/head" in paths
