"""Every request that stores something tells the audit trail, in the same commit; `tests.watch` watches them all."""

from collections.abc import Iterator

import pytest
from flask import Flask

from shop import create_app
from shop.config import Settings
from shop.db import db, transaction
from shop.identity import audit
from shop.identity.models import Organisation, OrganisationKind
from tests import watch
from tests.conftest import IsolatedClient


@pytest.fixture
def careless(settings: Settings, app: Flask) -> Iterator[Flask]:  # noqa: ARG001  # `app` empties the tables afterwards
    """Return the shop with a route that tells nothing, and one that does."""
    made = create_app(settings)
    made.testing = True
    made.test_client_class = IsolatedClient

    def write(*, tell: bool) -> str:
        with transaction() as session:
            session.add(Organisation(code=f"told-{tell}", name="某单位", kind=OrganisationKind.PURCHASER))
            if tell:
                audit.record(session, None, action="organisation.created", subject="organisation:some")
        return "done"

    made.add_url_rule("/careless", view_func=lambda: write(tell=False), endpoint="careless")
    made.add_url_rule("/careful", view_func=lambda: write(tell=True), endpoint="careful")
    yield made
    with made.app_context():
        db.engine.dispose()


def test_a_request_that_writes_without_telling_is_caught(careless: Flask) -> None:
    assert careless.test_client().get("/careless").status_code == 200

    assert watch.unaudited == ["GET /careless wrote organisation and told nothing"]
    watch.unaudited.clear()


def test_a_request_that_tells_is_not(careless: Flask) -> None:
    assert careless.test_client().get("/careful").status_code == 200

    assert watch.unaudited == []
