"""Lists cost a number of statements that does not depend on what they hold."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.db import business_day
from shop.identity.models import Role
from tests import factories
from tests.finance.documents import Office
from tests.queries import counted

LISTS = {
    "/finance": 30,
    "/finance/totals?cut=partner&period=all": 13,
    "/finance/totals?cut=flow&period=year&vs=last-year": 17,
    "/finance/transfers": 14,
    "/finance/accounts": 12,
    "/finance/accounts?book=cash": 12,
    "/finance/receipts": 12,
    "/sales": 12,
    "/orders": 12,
}
"""The most statements that a page may send: signing in, roles and the basket's count included."""


def fill(office: Office, *, rows: int, prefix: str) -> None:
    """Make so many documents of every kind that the lists show."""
    counties = ("620826", "620981", "621102", "621202")
    for number in range(rows):
        sold_on = (business_day() - timedelta(days=number)).isoformat()
        office.sale(f"{prefix}-{number}", county=counties[number % len(counties)], sold_on=sold_on)
        order = office.order(office.buyer, ("GS001-1", 1))
        office.pay(order, order["total_fen"])
        owed = office.order(office.canteen, ("GS003-1", 1), method="on_account")
        office.accept(office.canteen, owed, "1")


@pytest.fixture
def office(client: FlaskClient, session: Session) -> Office:
    return Office(client, session)


def test_lists_send_no_more_statements_for_more_rows(
    app: Flask, client: FlaskClient, session: Session, office: Office
) -> None:
    fill(office, rows=1, prefix="A")
    factories.sign_in(client, factories.user(session, role=Role.FINANCE))
    few = {url: statements(app, client, url) for url in LISTS}
    fill(office, rows=6, prefix="B")

    many = {url: statements(app, client, url) for url in LISTS}

    assert {url: len(sent) for url, sent in many.items()} == {url: len(sent) for url, sent in few.items()}
    assert {url: len(sent) for url, sent in many.items() if len(sent) > LISTS[url]} == {}


def test_the_count_finds_a_statement_a_row(app: Flask, session: Session) -> None:
    with counted(app) as sent:
        for _ in range(3):
            session.connection().exec_driver_sql("SELECT 1")

    assert len(sent) == 3


def statements(app: Flask, client: FlaskClient, url: str) -> list[str]:
    """Open a page and return the statements behind it."""
    with counted(app) as sent:
        answer = client.get(url)
    assert answer.status_code == 200, url
    return sent
