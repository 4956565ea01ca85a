"""Requests for off-platform sales, and the people who send them."""

from itertools import count
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from shop.identity.models import OrganisationKind, Role
from tests import factories

_serial = count(1)

TIANJIN, QINGDAO = "120000", "370200"
JINGCHUAN = "620821"
"""A county that Tianjin has helped since 2016."""
WUDU = "621202"
"""A county of Qingdao's."""


def invoice() -> str:
    """Return a number of a fully digital invoice that nobody used."""
    return f"21622000000{next(_serial):09d}"


def sale_body(**overrides: Any) -> dict[str, Any]:
    """Return a sale that Tianjin may report."""
    body = {
        "reference": f"T-{next(_serial):05d}",
        "partner": TIANJIN,
        "mode": "assisted",
        "channel": "market",
        "county": JINGCHUAN,
        "category": "produce",
        "product": "泾川苹果",
        "quantity": "120.5",
        "unit": "箱",
        "amount_fen": 1_234_56,
        "sold_on": "2021-09-15",
        "buyer": "天津某超市",
        "evidence": [{"kind": "invoice", "number": invoice()}],
    }
    return body | overrides


class People:
    """Headers of API requests by everybody who has to do with sales."""

    def __init__(self, session: Session) -> None:
        """Make the people."""
        self.session = session
        self.officer = self.person(Role.PARTNER_OFFICER)
        self.operator = self.person(Role.OPERATOR)
        self.finance = self.person(Role.FINANCE)

    def person(self, role: Role) -> dict[str, str]:
        """Return the headers of a new person with a role; officers are Tianjin's."""
        return factories.bearer(self.session, factories.user(self.session, role=role))

    def officer_of(self, partner: str) -> dict[str, str]:
        """Return the headers of a new officer of a partner."""
        home = factories.organisation(self.session, kind=OrganisationKind.PARTNER, partner_code=partner)
        officer = factories.user(self.session, role=Role.PARTNER_OFFICER, organisation=home)
        return factories.bearer(self.session, officer)


def report(client: FlaskClient, headers: dict[str, str], **overrides: Any) -> TestResponse:
    """Report a sale."""
    return client.post("/api/v1/sales", json=sale_body(**overrides), headers=headers)


def confirmed(client: FlaskClient, people: People, **overrides: Any) -> str:
    """Report a sale as an operator, confirm it as finance, and return its reference."""
    answer = report(client, people.operator, **overrides)
    assert answer.status_code == 201, answer.get_data(as_text=True)
    reference: str = answer.get_json()["reference"]
    decision = client.post(f"/api/v1/sales/{reference}/confirm", headers=people.finance)
    assert decision.status_code == 200, decision.get_data(as_text=True)
    return reference
