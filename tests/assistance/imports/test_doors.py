"""Sheets through the API and the pages: sent, followed, mended, confirmed; each sees their own partner's only."""

import io
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import ledger
from shop.assistance.imports.work import due
from shop.finance import agreement
from shop.identity.models import Role
from tests import factories
from tests.assistance.imports.conftest import row, sheet
from tests.assistance.sales import QINGDAO, People


def send(client: FlaskClient, headers: dict[str, str], data: bytes, **fields: str) -> Any:
    """Send a sheet to the API."""
    body = {"file": (io.BytesIO(data), "销售.csv"), **fields}
    return client.post("/api/v1/sales/imports", data=body, headers=headers, content_type="multipart/form-data")


class TestApi:
    def test_takes_a_sheet_and_tells_the_verdicts(self, client: FlaskClient, session: Session) -> None:
        people = People(session)

        taken = send(client, people.officer, sheet(row(), row(数量="many")))
        assert taken.status_code == 202, taken.get_data(as_text=True)
        address = f"/api/v1/sales/imports/{taken.get_json()['id']}"
        assert client.get(address, headers=people.officer).get_json()["status"] == "waiting"
        assert due.work_off() == 1

        found = client.get(address, headers=people.officer).get_json()
        assert (found["status"], found["accepted"], found["rejected"]) == ("done", 1, 1)
        verdicts = client.get(f"{address}/verdicts", headers=people.officer).get_json()
        assert [verdict["outcome"] for verdict in verdicts] == ["accepted", "rejected"]
        assert verdicts[1]["faults"] == [
            {"column": "数量", "value": "many", "reason": "请填写数量，只写数字，如 120.5"}
        ]

    def test_hides_a_sheet_from_other_partners(self, client: FlaskClient, session: Session) -> None:
        people = People(session)
        address = f"/api/v1/sales/imports/{send(client, people.officer, sheet(row())).get_json()['id']}"

        assert client.get(address, headers=people.officer_of(QINGDAO)).status_code == 404
        assert client.get(f"{address}/verdicts", headers=people.officer_of(QINGDAO)).status_code == 404
        assert client.get(address, headers=people.finance).status_code == 200

    def test_rejects_rows_of_another_partner(self, client: FlaskClient, session: Session) -> None:
        people = People(session)
        taken = send(client, people.officer, sheet(row(帮扶方="青岛市"))).get_json()
        due.work_off()

        (verdict,) = client.get(f"/api/v1/sales/imports/{taken['id']}/verdicts", headers=people.officer).get_json()

        assert (verdict["outcome"], verdict["faults"][0]["column"]) == ("rejected", "帮扶方")

    def test_refuses_what_is_no_sheet(self, client: FlaskClient, session: Session) -> None:
        people = People(session)

        for data in (b"", b"%PDF-1.7", b"PK\x03\x04 and no more", b"\xd0\xcf\x11\xe0old"):
            answer = send(client, people.operator, data)
            assert answer.status_code == 422, data
            assert answer.get_json()["detail"]

    def test_the_same_key_sends_once(self, client: FlaskClient, session: Session) -> None:
        people = People(session)
        headers = people.operator | {"Idempotency-Key": "k"}

        first, second = (send(client, headers, sheet(row())) for _ in range(2))

        assert first.get_json()["id"] == second.get_json()["id"]
        assert second.headers["Idempotency-Replayed"] == "true"


class TestPages:
    def test_send_show_and_confirm(self, client: FlaskClient, session: Session) -> None:
        officer = factories.user(session, role=Role.PARTNER_OFFICER)
        factories.sign_in(client, officer)
        token = factories.csrf_token(client.get("/sales/imports").get_data(as_text=True))
        body = {"file": (io.BytesIO(sheet(row(), row(), row(数量="=1+1"))), "a.csv"), "csrf_token": token}

        sent = client.post("/sales/imports", data=body, content_type="multipart/form-data")
        assert sent.status_code == 302, sent.get_data(as_text=True)
        due.work_off()
        page = client.get(sent.location).get_data(as_text=True)
        with client.get(f"{sent.location}/verdicts.csv?only=rejected") as answer:
            file = answer.get_data(as_text=True)
        assert "未通过" in page
        assert "'=1+1" in file
        with client.get(f"{sent.location}/verdicts.xlsx") as answer:
            assert answer.data.startswith(b"PK")
        assert client.get(f"{sent.location}/progress").status_code == 200
        refused = client.post(f"{sent.location}/confirm", data={"csrf_token": token})
        assert refused.status_code == 403

        other = client.application.test_client()
        factories.sign_in(other, factories.user(session, role=Role.FINANCE))
        token = factories.csrf_token(other.get(sent.location).get_data(as_text=True))
        assert other.post(f"{sent.location}/confirm", data={"csrf_token": token}).status_code == 302
        due.work_off()

        assert sum(one.amount_fen for one in ledger.transfers(session, limit=9).rows) == 2 * 1_234_56
        session.rollback()
        assert agreement.verify(session).problems == []

    def test_offer_the_templates(self, client: FlaskClient, session: Session) -> None:
        factories.sign_in(client, factories.user(session, role=Role.PARTNER_OFFICER))

        assert client.get("/sales/imports/template.xlsx").data.startswith(b"PK")
        assert "帮扶方" in client.get("/sales/imports/template.csv").get_data(as_text=True)
