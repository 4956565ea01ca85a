"""How often placing an order asks the database."""

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.db import db
from tests import factories


class TestPlaceOrder:
    @pytest.mark.parametrize(("headers", "most"), [({}, 8), ({"Idempotency-Key": "once"}, 12)])
    @pytest.mark.parametrize("items", [1, 3])
    def test_asks_as_often_whatever_the_number_of_lines(
        self, client: FlaskClient, session: Session, headers: dict[str, str], most: int, items: int
    ) -> None:
        skus = ["GS001-1", "GS027-1", "GS059-1"][:items]
        for code in skus:
            factories.stock(session, code)
        buyer = factories.bearer(session, factories.user(session))
        session.rollback()
        statements: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            statements.append(statement)

        body = factories.order_request(*((code, 1) for code in skus))
        sa.event.listen(db.engine, "before_cursor_execute", note)
        answer = client.post("/api/v1/orders", json=body, headers=buyer | headers)
        sa.event.remove(db.engine, "before_cursor_execute", note)

        assert answer.status_code == 201
        assert len(statements) <= most, "\n".join(statements)
