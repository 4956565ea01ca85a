"""The homes of finance and of the operator: figures that lead to the pages which show the same."""

import re
from html import unescape

import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.catalogue.stock import queries as stock
from shop.finance.agreement import record
from shop.identity.models import Role
from tests import factories
from tests.finance.documents import make_all


def cards(client: FlaskClient, url: str) -> dict[str, tuple[str, str]]:
    """Open a home and return each card's address and text, by its label."""
    answer = client.get(url)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    page = unescape(answer.get_data(as_text=True))
    found = re.findall(r'class="gw-home-card[^"]*" href="([^"]*)">(.*?)</a>', page, re.DOTALL)
    texts = [(link, re.sub(r"<[^>]+>", " ", body).split()) for link, body in found]
    return {words[0]: (link, " ".join(words[1:])) for link, words in texts}


class TestFinanceHome:
    def test_tells_what_arrived_what_waits_and_what_disagrees(self, client: FlaskClient, session: Session) -> None:
        make_all(client, session)
        factories.sign_in(client, factories.user(session, role=Role.FINANCE))

        shown = cards(client, "/finance")

        count = session.scalar(sa.text("SELECT count(*) FROM bank_receipt WHERE paid_on >= date_trunc('month', now())"))
        assert f"{count} 笔" in shown["银行到账"][1]
        assert shown["待认领款项"][1] != "¥ 0.00"
        assert "816.01" in shown["产地未知（全部年份）"][1]
        assert shown["最近一次全面核验"][1] == "还没有"
        for link, _ in shown.values():
            assert client.get(link).status_code == 200, link

    def test_remembers_the_last_check(self, client: FlaskClient, session: Session) -> None:
        make_all(client, session)
        factories.sign_in(client, factories.user(session, role=Role.AUDITOR))
        token = factories.csrf_token(client.get("/finance/verify").get_data(as_text=True))
        client.post("/finance/verify", data={"csrf_token": token})

        assert cards(client, "/finance")["最近一次全面核验"][1].startswith("账本相符")
        last = record.last(session)
        assert last is not None
        assert last.problems == []

    def test_says_which_checks_failed(self, client: FlaskClient, session: Session, superuser: sa.Engine) -> None:
        make_all(client, session)
        with superuser.begin() as connection:
            connection.execute(sa.text("UPDATE sale SET amount_fen = amount_fen + 1 WHERE reference = 'T-1'"))
        factories.sign_in(client, factories.user(session, role=Role.AUDITOR))
        token = factories.csrf_token(client.get("/finance/verify").get_data(as_text=True))
        client.post("/finance/verify", data={"csrf_token": token})

        assert cards(client, "/finance")["最近一次全面核验"][1].startswith("有 1 项不符")


class TestOperatorHome:
    def test_tells_what_to_ship_what_to_fill_and_what_is_new(self, client: FlaskClient, session: Session) -> None:
        make_all(client, session)
        factories.stock(session, "GS001-1", packs=3)
        factories.sign_in(client, factories.user(session, role=Role.OPERATOR))

        shown = cards(client, "/operator")

        low = stock.low_stock_count(session)
        assert (shown["低库存"][1], shown["其中已售罄"][1]) == (str(low.items), str(low.gone))
        assert low.items > low.gone > 0
        to_ship = session.scalar(
            sa.text("SELECT count(*) FROM \"order\" WHERE status IN ('paid', 'awaiting_acceptance')")
        )
        assert f"{to_ship} 笔" in shown["待发货"][1]
        waiting = session.scalar(sa.text("SELECT count(*) FROM \"order\" WHERE status = 'awaiting_payment'"))
        assert f"{waiting} 笔" in shown["等买方付款"][1]
        for link, _ in shown.values():
            assert client.get(link).status_code == 200, link
