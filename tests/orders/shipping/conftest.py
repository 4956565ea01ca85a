import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.orders.shipping.parcels import Counter


@pytest.fixture
def counter(client: FlaskClient, session: Session) -> Counter:
    return Counter(client, session)
