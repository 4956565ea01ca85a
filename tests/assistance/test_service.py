"""Deciding on a sale while somebody else does."""

from threading import Thread

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

import ledger
from shop.assistance import service
from shop.db import transaction
from shop.identity.actor import actor_for
from shop.identity.models import Role
from tests import factories
from tests.assistance.sales import People, report


class TestTwoDecisions:
    def test_the_second_waits_for_the_first_and_finds_it_done(
        self, app: Flask, session: Session, superuser: sa.Engine
    ) -> None:
        people = People(session)
        reference = report(app.test_client(), people.officer).get_json()["reference"]
        confirmer = actor_for(session, factories.user(session, role=Role.FINANCE))
        answers: list[int] = []

        def reject() -> None:
            answer = app.test_client().post(
                f"/api/v1/sales/{reference}/reject", json={"reason": "重复"}, headers=people.operator
            )
            answers.append(answer.status_code)

        rival = Thread(target=reject)
        with transaction() as deciding:
            service.confirm_sale(deciding, confirmer, reference)
            rival.start()
            rival.join(timeout=1)
            assert rival.is_alive()
            # Without the lock the rival would go by this: the sale still reads as undecided.
            with superuser.connect() as connection:
                seen = connection.execute(sa.text("SELECT status FROM sale WHERE reference = :r"), {"r": reference})
                assert seen.scalar_one() == "reported"
        rival.join(timeout=30)

        assert answers == [409]
        assert ledger.totals(session, book="aid", by=()).count == 1

    def test_a_failure_after_the_posting_leaves_nothing(self, app: Flask, session: Session) -> None:
        reference = report(app.test_client(), People(session).officer).get_json()["reference"]
        confirmer = actor_for(session, factories.user(session, role=Role.FINANCE))

        def confirm_and_fail() -> None:
            with transaction() as deciding:
                service.confirm_sale(deciding, confirmer, reference)
                raise RuntimeError("power cut")

        with pytest.raises(RuntimeError, match="power cut"):
            confirm_and_fail()

        assert ledger.find(session, f"sale:{reference}") is None
        assert service.confirm_sale(session, confirmer, reference).status == "confirmed"
        session.rollback()
