"""What a signed-in person sees, and what a page promises a browser, when things go wrong."""

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


@pytest.mark.parametrize("path", ["/login", "/account", "/no-such-page", "/api/v1/no-such-route"])
def test_every_answer_carries_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers

    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "public" not in headers["Cache-Control"]


def test_an_error_of_the_database_tells_the_log_no_values(session: Session) -> None:
    with pytest.raises(sa.exc.DBAPIError) as caught:
        session.execute(sa.text("SELECT :name FROM nowhere"), {"name": "李梅"})

    assert "李梅" not in str(caught.value)
