"""What a signed-in person sees when the database fails, and what the log does not."""

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests import factories


def test_a_page_says_that_the_database_is_away_without_asking_it(
    client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.sign_in(client, factories.user(session))
    away = sa.create_engine("postgresql+psycopg:///shop?host=/nowhere")
    monkeypatch.setattr(Session, "get_bind", lambda *_, **__: away)

    answer = client.get("/account")

    assert answer.status_code == 503
    assert "暂时无法读写数据" in answer.get_data(as_text=True)


def test_an_error_of_the_database_tells_the_log_no_values(session: Session) -> None:
    with pytest.raises(sa.exc.DBAPIError) as caught:
        session.execute(sa.text("SELECT :name FROM nowhere"), {"name": "李梅"})

    assert "李梅" not in str(caught.value)
