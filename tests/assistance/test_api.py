"""Off-platform sales through the API."""

from threading import Barrier, Thread
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import ledger
from shop.db import business_day
from shop.identity.models import AuditEvent, Role
from tests import factories
from tests.assistance.sales import QINGDAO, TIANJIN, WUDU, People, confirmed, invoice, report, sale_body


@pytest.fixture
def people(session: Session) -> People:
    return People(session)


def transfers(session: Session, reference: str) -> list[ledger.TransferRow]:
    session.rollback()
    return ledger.transfers(session, source=f"sale:{reference}").rows


def fields(answer: Any) -> set[str]:
    return {error["field"] for error in answer.get_json()["errors"]}


class TestReport:
    def test_stores_the_sale_and_counts_nothing_yet(
        self, client: FlaskClient, session: Session, people: People
    ) -> None:
        body = sale_body(county=None, quantity=0.3)

        answer = client.post("/api/v1/sales", json=body, headers=people.officer)

        assert answer.status_code == 201
        sale = answer.get_json()
        expected = body | {
            "county": "unknown",
            "quantity": "0.3",
            "status": "reported",
            "entry_key": f"sale:{body['reference']}",
            "is_paired": False,
        }
        assert {name: sale[name] for name in expected} == expected
        assert transfers(session, body["reference"]) == []

    def test_marks_what_lies_outside_the_pairing(self, client: FlaskClient, people: People) -> None:
        inside = report(client, people.officer).get_json()
        outside = report(client, people.officer, county=WUDU).get_json()

        assert inside["is_paired"]
        assert not outside["is_paired"]

    def test_refuses_an_officer_of_another_partner(self, client: FlaskClient, people: People) -> None:
        assert report(client, people.officer, partner=QINGDAO).status_code == 403
        assert report(client, people.officer_of(QINGDAO)).status_code == 403

    @pytest.mark.parametrize("role", [Role.CANTEEN, Role.FINANCE, Role.AUDITOR])
    def test_refuses_who_is_neither_officer_nor_operator(self, client: FlaskClient, people: People, role: Role) -> None:
        assert report(client, people.person(role)).status_code == 403

    @pytest.mark.usefixtures("people")
    def test_refuses_a_visitor(self, client: FlaskClient) -> None:
        assert report(client, {}).status_code == 401

    @pytest.mark.parametrize(
        ("overrides", "field"),
        [
            ({"quantity": True}, "quantity"),
            ({"quantity": "1e999999"}, "quantity"),
            ({"quantity": 0.12345678901234567}, "quantity"),
            ({"amount_fen": 1.5}, "amount_fen"),
            ({"amount_fen": "100"}, "amount_fen"),
            ({"mode": "gift"}, "mode"),
            ({"sold_on": "yesterday"}, "sold_on"),
            ({"surprise": 1}, "surprise"),
            ({"evidence": []}, "evidence"),
            ({"evidence": [{"kind": "photo", "number": "1"}]}, "evidence.0.kind"),
            ({"product": "\x00"}, "product"),
            ({"partner": "\x00"}, "partner"),
        ],
    )
    def test_names_the_malformed_field(
        self, client: FlaskClient, people: People, overrides: dict[str, Any], field: str
    ) -> None:
        answer = report(client, people.operator, **overrides)

        assert answer.status_code == 422
        assert answer.content_type == "application/problem+json"
        assert field in fields(answer)


class TestTwice:
    def test_replays_the_first_answer_to_the_same_key(self, client: FlaskClient, people: People) -> None:
        body, headers = sale_body(), people.officer | {"Idempotency-Key": factories.key()}

        first = client.post("/api/v1/sales", json=body, headers=headers)
        again = client.post("/api/v1/sales", json=body, headers=headers)

        assert (first.status_code, again.status_code) == (201, 201)
        assert first.get_json() == again.get_json()

    def test_refuses_a_reference_that_is_in_use(self, client: FlaskClient, people: People) -> None:
        body = sale_body()
        client.post("/api/v1/sales", json=body, headers=people.officer)

        answer = report(client, people.officer, reference=body["reference"])

        assert answer.status_code == 409
        assert fields(answer) == {"reference"}

    def test_refuses_a_claimed_invoice_and_names_its_sale_to_its_owner_only(
        self, client: FlaskClient, people: People
    ) -> None:
        number = invoice()
        spelt = f"{number[:4]} {number[4:12]}-{number[12:]}"
        mine = report(client, people.officer, evidence=[{"kind": "invoice", "number": number}]).get_json()
        again = {"evidence": [{"kind": "contract", "number": "HT-1"}, {"kind": "invoice", "number": spelt}]}

        own = report(client, people.officer, **again)
        other = report(client, people.officer_of(QINGDAO), partner=QINGDAO, county=WUDU, **again)

        for answer in (own, other):
            assert answer.status_code == 409
            assert fields(answer) == {"evidence.1.number"}
        assert mine["reference"] in own.get_data(as_text=True)
        assert mine["reference"] not in other.get_data(as_text=True)

    def test_lets_a_contract_back_several_sales(self, client: FlaskClient, people: People) -> None:
        evidence = [{"kind": "contract", "number": "HT-2021-7"}]

        assert report(client, people.officer, evidence=evidence).status_code == 201
        assert report(client, people.officer, evidence=evidence).status_code == 201

    def test_frees_the_invoice_of_a_rejected_sale(self, client: FlaskClient, people: People) -> None:
        evidence = [{"kind": "invoice", "number": invoice()}]
        first = report(client, people.officer, evidence=evidence).get_json()["reference"]
        client.post(f"/api/v1/sales/{first}/reject", json={"reason": "金额有误"}, headers=people.operator)

        assert report(client, people.officer, evidence=evidence).status_code == 201

    @pytest.mark.parametrize("same", ["evidence", "reference"])
    def test_accepts_one_of_many_simultaneous_claims(
        self, app: Flask, session: Session, people: People, same: str
    ) -> None:
        shared = {"evidence": [{"kind": "invoice", "number": invoice()}], "reference": "T-RACE"}
        rivals = 6
        together = Barrier(rivals)
        answers: list[tuple[int, str]] = []

        def claim() -> None:
            body = sale_body(**{same: shared[same]})
            client = app.test_client()
            together.wait()
            answer = client.post("/api/v1/sales", json=body, headers=people.officer)
            answers.append((answer.status_code, answer.get_json().get("type", "")))

        threads = [Thread(target=claim) for _ in range(rivals)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(status for status, _ in answers) == [201, *[409] * (rivals - 1)]
        code = "evidence-claimed" if same == "evidence" else "sale-exists"
        assert {kind.rpartition("/")[2] for status, kind in answers if status == 409} == {code}
        assert session.is_active


class TestConfirm:
    def test_posts_the_sale_on_its_own_day(self, client: FlaskClient, session: Session, people: People) -> None:
        reference = confirmed(client, people)

        (posted,) = transfers(session, reference)

        assert posted.entry_key == f"sale:{reference}"
        assert posted.debit_account == "partner:120000:assisted:market"
        assert posted.credit_account == "county:620821:produce"
        assert (posted.amount_fen, posted.effective_on.isoformat(), posted.kind) == (1_234_56, "2021-09-15", "sale")

    def test_posts_an_unknown_origin_outside_the_pairing(
        self, client: FlaskClient, session: Session, people: People
    ) -> None:
        (posted,) = transfers(session, confirmed(client, people, county="unknown"))

        assert posted.credit_account == "county:unknown:produce"
        assert posted.kind == "sale_unpaired"

    def test_counts_once_however_often_it_is_asked(self, client: FlaskClient, session: Session, people: People) -> None:
        reference = confirmed(client, people)

        again = client.post(f"/api/v1/sales/{reference}/confirm", headers=people.finance)

        assert again.status_code == 409
        assert len(transfers(session, reference)) == 1

    def test_is_not_for_the_reporter_nor_for_an_officer(self, client: FlaskClient, people: People) -> None:
        reference = report(client, people.operator).get_json()["reference"]

        own = client.post(f"/api/v1/sales/{reference}/confirm", headers=people.operator)
        officer = client.post(f"/api/v1/sales/{reference}/confirm", headers=people.officer)

        assert own.status_code == officer.status_code == 403
        assert own.get_json()["type"].endswith("own-report")

    def test_is_written_to_the_audit_trail(self, client: FlaskClient, session: Session, people: People) -> None:
        reference = confirmed(client, people)

        trail = session.query(AuditEvent).filter_by(subject=f"sale:{reference}").order_by(AuditEvent.at).all()

        assert [event.action for event in trail] == ["sale.reported", "sale.confirmed"]


class TestRejectAndReverse:
    def test_rejecting_needs_a_reason(self, client: FlaskClient, people: People) -> None:
        reference = report(client, people.officer).get_json()["reference"]

        for reason in ("", "   "):
            answer = client.post(f"/api/v1/sales/{reference}/reject", json={"reason": reason}, headers=people.finance)
            assert answer.status_code == 422
            assert fields(answer) == {"reason"}

    def test_a_rejected_sale_stays_out_of_the_books(
        self, client: FlaskClient, session: Session, people: People
    ) -> None:
        reference = report(client, people.officer).get_json()["reference"]
        url = f"/api/v1/sales/{reference}"

        rejected = client.post(f"{url}/reject", json={"reason": "重复"}, headers=people.finance).get_json()

        assert (rejected["status"], rejected["reason"]) == ("rejected", "重复")
        assert client.post(f"{url}/confirm", headers=people.finance).status_code == 409
        assert transfers(session, reference) == []

    def test_reversing_an_unknown_origin_clears_its_own_month(
        self, client: FlaskClient, session: Session, people: People
    ) -> None:
        reference = confirmed(client, people, county="unknown")

        answer = client.post(
            f"/api/v1/sales/{reference}/reverse", json={"reason": "产地查明，改报"}, headers=people.finance
        )

        assert answer.status_code == 200
        original, mirror = transfers(session, reference)
        assert mirror.reverses == original.entry_key
        assert mirror.effective_on == original.effective_on < business_day()
        ledger.close_month(session, "aid", original.effective_on, by="finance")

    def test_reversing_mirrors_the_posting(self, client: FlaskClient, session: Session, people: People) -> None:
        reference = confirmed(client, people)
        url = f"/api/v1/sales/{reference}/reverse"

        assert client.post(url, json={"reason": "退货"}, headers=people.operator).status_code == 403
        answer = client.post(url, json={"reason": "退货"}, headers=people.finance)
        again = client.post(url, json={"reason": "退货"}, headers=people.finance)

        assert answer.get_json()["status"] == "reversed"
        assert again.status_code == 409
        original, mirror = transfers(session, reference)
        assert mirror.reverses == original.entry_key
        assert mirror.entry_key == f"sale:{reference}:reversal"
        assert ledger.totals(session, book="aid", by=()).total_fen == 0
        assert ledger.totals(session, book="aid", by=(), until=mirror.effective_on).total_fen == 1_234_56


class TestReading:
    def test_shows_an_officer_their_own_partner_only(self, client: FlaskClient, people: People) -> None:
        mine = report(client, people.operator).get_json()["reference"]
        other = report(client, people.operator, partner=QINGDAO, county=WUDU).get_json()["reference"]

        listed = client.get("/api/v1/sales", headers=people.officer)

        assert [sale["reference"] for sale in listed.get_json()] == [mine]
        assert client.get(f"/api/v1/sales/{other}", headers=people.officer).status_code == 404
        assert client.get(f"/api/v1/sales?partner={QINGDAO}", headers=people.officer).status_code == 403
        assert len(client.get("/api/v1/sales", headers=people.finance).get_json()) == 2

    def test_filters_and_pages(self, client: FlaskClient, people: People) -> None:
        confirmed(client, people)
        for _ in range(3):
            report(client, people.operator)

        page = client.get("/api/v1/sales?status=reported&page=2&page_size=2", headers=people.operator)
        one = client.get(f"/api/v1/sales?status=confirmed&partner={TIANJIN}", headers=people.operator)

        assert len(page.get_json()) == 1
        assert page.headers["X-Pagination"] == '{"total": 3, "total_pages": 2, "page": 2, "page_size": 2}'
        assert [sale["status"] for sale in one.get_json()] == ["confirmed"]

    def test_is_not_for_buyers(self, client: FlaskClient, session: Session, people: People) -> None:
        buyer = factories.bearer(session, factories.user(session))

        for headers in (buyer, people.person(Role.CANTEEN)):
            assert client.get("/api/v1/sales", headers=headers).status_code == 403

    @pytest.mark.parametrize("query", ["colour=red", "status=lost", "page=0", "partner=%00"])
    def test_refuses_an_unknown_query(self, client: FlaskClient, people: People, query: str) -> None:
        assert client.get(f"/api/v1/sales?{query}", headers=people.operator).status_code == 422

    def test_finds_nothing_under_a_name_that_cannot_be(self, client: FlaskClient, people: People) -> None:
        for path, status in (("a b", 404), ("sale:1", 404), ("%00", 422)):
            assert client.get(f"/api/v1/sales/{path}", headers=people.operator).status_code == status
            assert client.post(f"/api/v1/sales/{path}/confirm", headers=people.operator).status_code == status
