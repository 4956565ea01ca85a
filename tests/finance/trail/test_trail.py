"""The audit trail: what a change leaves, who reads it, how it is searched, and that nobody alters it."""

import csv
import io
import json
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from shop.catalogue import service as catalogue
from shop.db import business_day, transaction
from shop.identity import audit
from shop.identity.actor import actor_for
from shop.identity.models import AuditEvent, Role, User
from tests import factories


@pytest.fixture
def operator(session: Session) -> User:
    """Return an operator."""
    return factories.user(session, role=Role.OPERATOR, name="王操作", email="wang@example.com")


@pytest.fixture
def auditor(session: Session) -> dict[str, str]:
    """Return the headers of an auditor."""
    return factories.bearer(session, factories.user(session, role=Role.AUDITOR))


@pytest.fixture
def changed(session: Session, operator: User) -> None:
    """Change the stock of an item from 5 to 8, and record an event of the system with Chinese words."""
    factories.stock(session, "GS001-1", packs=5)
    actor = actor_for(session, operator)
    with transaction() as inner:
        catalogue.set_stock(inner, actor, "GS001-1", 8)
        audit.record(inner, actor, action="price.set", subject="sku:GS001-1", old=1, new=2)
        audit.record(inner, None, action="test.told", subject="thing:1", reason="包装破损")


def found(client: FlaskClient, headers: dict[str, str], **query: Any) -> list[dict[str, Any]]:
    """Return the events that a search finds, the latest first."""
    answer = client.get("/api/v1/audit", headers=headers, query_string=query)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return list(answer.get_json())


class TestRecord:
    def test_tells_before_and_after_of_each_change(self, session: Session, changed: None) -> None:  # noqa: ARG002
        events = {event.action: event for event in session.scalars(sa.select(AuditEvent))}

        assert events["stock.set"].before == {"sku": {"GS001-1": {"stock": 5}}}
        assert events["stock.set"].after is not None
        assert events["stock.set"].after["sku"] == {"GS001-1": {"stock": 8}}
        (movement,) = events["stock.set"].after["stock_movement"].values()
        assert (movement["change"], movement["stock_after"]) == (3, 8)
        assert events["price.set"].detail == {"old": 1, "new": 2}
        assert events["test.told"].before is None

    def test_names_the_request_and_keeps_private_things_to_itself(self, client: FlaskClient, session: Session) -> None:
        buyer = factories.user(session)
        factories.stock(session)
        headers = factories.bearer(session, buyer) | {"X-Request-ID": "till-7.order-0001"}

        answer = client.post("/api/v1/orders", json=factories.order_request(), headers=headers)

        assert answer.headers["X-Request-ID"] == "till-7.order-0001"
        event = session.scalars(sa.select(AuditEvent).where(AuditEvent.action == "order.place")).one()
        assert event.user_id == buyer.id
        assert event.request_id == "till-7.order-0001"
        assert event.after is not None
        placed = event.after["order"][answer.get_json()["number"]]
        assert placed["goods_fen"] == answer.get_json()["goods_fen"]
        assert {placed["ship_phone"], placed["ship_address"], placed["ship_name"]} == {audit.HIDDEN}
        assert factories.SHIP_TO["phone"] not in str(event.after)

    def test_leaves_nothing_of_a_change_that_was_taken_back(self, session: Session, operator: User) -> None:
        factories.stock(session, "GS001-1", packs=5)
        actor = actor_for(session, operator)

        def change_and_fail() -> None:
            with transaction() as inner:
                catalogue.set_stock(inner, actor, "GS001-1", 8)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            change_and_fail()

        with transaction() as inner:
            audit.record(inner, actor, action="test.later", subject="thing:2")

        later = session.scalars(sa.select(AuditEvent)).one()
        assert (later.action, later.before, later.after) == ("test.later", None, None)


@pytest.mark.usefixtures("changed")
class TestSearch:
    @pytest.mark.parametrize(
        ("query", "actions"),
        [
            ({}, ["test.told", "price.set", "stock.set"]),
            ({"person": "wang@"}, ["price.set", "stock.set"]),
            ({"person": "王操"}, ["price.set", "stock.set"]),
            ({"person": "%"}, []),
            ({"object": "thing:"}, ["test.told"]),
            ({"action": "stock.set"}, ["stock.set"]),
            ({"q": "包装"}, ["test.told"]),
            ({"q": '"stock": 8'}, []),
            ({"q": "GS001"}, ["price.set", "stock.set"]),
            ({"from": "2020-01-01", "to": "2020-01-02"}, []),
            ({"page": 2, "page_size": 1}, ["price.set"]),
        ],
    )
    def test_finds_by_person_object_action_day_and_text(
        self, client: FlaskClient, auditor: dict[str, str], query: dict[str, Any], actions: list[str]
    ) -> None:
        assert [event["action"] for event in found(client, auditor, **query)] == actions

    def test_takes_a_day_as_it_is_in_china(self, client: FlaskClient, auditor: dict[str, str]) -> None:
        today = business_day().isoformat()

        assert len(found(client, auditor, **{"from": today, "to": today})) == 3

    def test_names_a_field_that_is_wrong(self, client: FlaskClient, auditor: dict[str, str]) -> None:
        answer = client.get("/api/v1/audit?from=yesterday", headers=auditor)

        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["field"] == "from"

    def test_shows_the_same_on_the_page_and_in_the_file(self, client: FlaskClient, session: Session) -> None:
        factories.sign_in(client, factories.user(session, role=Role.FINANCE))

        page = client.get("/audit?object=sku:GS001-1").get_data(as_text=True)
        file = client.get("/audit.csv?object=sku:GS001-1").get_data().decode("utf-8-sig")

        assert "王操作" in page
        assert "调整库存" in page
        assert "thing:1" not in page.split("<tbody>")[1]
        rows = list(csv.DictReader(io.StringIO(file)))
        assert [row["操作代码"] for row in rows] == ["price.set", "stock.set"]
        assert json.loads(rows[1]["变更后"])["sku"] == {"GS001-1": {"stock": 8}}

    def test_says_when_nothing_is_found(self, client: FlaskClient, session: Session) -> None:
        factories.sign_in(client, factories.user(session, role=Role.AUDITOR))

        assert "没有符合条件的记录" in client.get("/audit?q=nothing-like-it").get_data(as_text=True)


class TestRights:
    @pytest.mark.usefixtures("changed")
    @pytest.mark.parametrize(
        "statement",
        ["UPDATE audit_event SET action = 'other'", "DELETE FROM audit_event", "TRUNCATE audit_event"],
    )
    def test_the_database_refuses_to_alter_the_trail(self, session: Session, statement: str) -> None:
        with pytest.raises(ProgrammingError, match="permission denied"):
            session.execute(sa.text(statement))
        session.rollback()

        assert session.scalar(sa.select(sa.func.count()).select_from(AuditEvent)) == 3
