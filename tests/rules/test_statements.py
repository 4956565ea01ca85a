"""Every page that lists anything costs a number of statements that does not depend on what it lists."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.assistance.imports.models import SaleImport
from shop.assistance.imports.work.run import run
from shop.db import business_day
from shop.identity.actor import actor_for
from shop.identity.models import Organisation, OrganisationKind, Role, User
from shop.orders.addresses.models import SavedAddress
from shop.orders.models import BasketLine
from tests import factories
from tests.assistance.imports.conftest import row, sheet, take
from tests.finance.documents import Office
from tests.queries import counted

LISTS: dict[Role | None, dict[str, int]] = {
    Role.FINANCE: {
        "/finance": 30,
        "/finance/totals?cut=partner&period=all": 13,
        "/finance/totals?cut=flow&period=year&vs=last-year": 17,
        "/finance/totals.csv?cut=partner&period=all": 12,
        "/finance/totals.xlsx?cut=partner&period=all": 12,
        "/finance/map/counties.json": 12,
        "/finance/transfers": 14,
        "/finance/transfers.csv": 12,
        "/finance/transfers.xlsx": 12,
        "/finance/accounts": 12,
        "/finance/accounts?book=cash": 12,
        "/finance/accounts/county:620826:produce": 14,
        "/finance/receipts": 12,
        "/finance/unallocated": 12,
        "/finance/declared": 12,
        "/finance/months": 12,
        "/finance/months/aid/{month}": 30,
        "/sales": 12,
        "/sales/imports": 12,
        "/sales/imports/{import}": 14,
        "/sales/imports/{import}/verdicts.csv": 12,
        "/sales/imports/{import}/verdicts.xlsx": 12,
        "/orders": 12,
        "/audit": 12,
        "/audit.csv": 12,
        "/api/v1/orders": 12,
        "/api/v1/sales": 12,
        "/api/v1/sales/imports/{import}/verdicts": 12,
        "/api/v1/audit": 12,
        "/api/v1/totals?book=aid&by=partner,mode": 12,
        "/api/v1/ledger/accounts": 12,
        "/api/v1/ledger/accounts/county:620826:produce/statement": 12,
        "/api/v1/ledger/transfers": 12,
        "/api/v1/periods": 12,
    },
    Role.OPERATOR: {
        "/operator": 20,
        "/operator/shipping": 12,
        "/catalogue/stock": 12,
        "/catalogue/low-stock": 12,
        "/catalogue/stock/GS001-1": 12,
        "/organisations": 12,
        "/organisations/{organisation}": 14,
        "/people": 12,
        "/orders": 12,
        "/sales": 12,
        "/sales/imports": 12,
    },
    None: {
        "/orders": 12,
        "/account": 12,
        "/account/addresses": 12,
        "/basket": 12,
        "/checkout": 14,
        "/api/v1/orders": 12,
        "/api/v1/products": 12,
    },
}
"""The most statements that a page may send to whom: signing in, roles and the basket's count included."""

PLAIN = {
    "/api/v1/docs", "/api/v1/ledger/head", "/api/v1/openapi.json", "/change", "/confirm", "/finance/verify", "/healthz",
    "/login", "/metrics", "/organisations/new", "/readyz", "/register", "/reset", "/sales/imports/template.csv",
    "/sales/imports/template.xlsx", "/sales/new", "/tf-rescue", "/tf-select", "/tf-setup", "/tf-validate", "/verify",
}  # fmt: skip
"""Pages that list nothing."""

GOODS = {
    "/": "/?category=drink",
    "/?q=苹果": "/?q=静宁苹果",
    "/categories/produce": "/categories/drink",
    "/places/620500": "/places/620502",
    "/calendar": "/calendar?category=drink",
    "/suggestions?q=ping": "/suggestions?q=huaniu",
}
"""Pages of the catalogue with many rows, and with few."""

ELSEWHERE = {"/demo/mails"}
"""In the demo only, which shows the newest mails of one table."""


def names(url: str) -> str:
    return url.partition("?")[0]


def test_every_page_is_counted_or_lists_nothing(app: Flask) -> None:
    every = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.methods and "GET" in rule.methods and not rule.arguments and rule.endpoint != "static"
    }
    known = (
        {names(url) for lists in LISTS.values() for url in lists} | PLAIN | {names(url) for url in GOODS} | ELSEWHERE
    )

    assert every - known == set()


class World:
    """Somebody of each kind, and documents of every kind that the pages list."""

    def __init__(self, client: FlaskClient, session: Session) -> None:
        self.session = session
        self.office = Office(client, session)
        self.purchaser: Organisation = factories.organisation(session, kind=OrganisationKind.PURCHASER)
        self.people: dict[Role | None, User] = {
            Role.FINANCE: factories.user(session, role=Role.FINANCE),
            Role.OPERATOR: factories.user(session, role=Role.OPERATOR),
            None: factories.user(session),
        }
        self.office.buyer = factories.bearer(session, self.people[None])
        self.imported: UUID | None = None

    def fill(self, rows: int) -> None:
        """Make so many more of everything."""
        counties = ("620826", "620981", "621102", "621202")
        for number in range(rows):
            sold_on = (business_day() - timedelta(days=number)).isoformat()
            self.office.sale(factories.key(), county=counties[number % len(counties)], sold_on=sold_on)
            order = self.office.order(self.office.buyer, ("GS001-1", 1))
            self.office.pay(order, order["total_fen"])
            self.office.order(self.office.buyer, ("GS001-1", 1))
            owed = self.office.order(self.office.canteen, ("GS003-1", 1), method="on_account")
            self.office.accept(self.office.canteen, owed, "1")
            self.office.pay({"number": "货款"}, 100)
            factories.user(self.session, role=Role.CANTEEN, organisation=self.purchaser)
            factories.organisation(self.session)
        self._fill_the_buyers_own(rows)
        self._import(rows)

    def _fill_the_buyers_own(self, rows: int) -> None:
        buyer = self.people[None]
        codes = self.session.scalars(sa.text("SELECT code FROM sku ORDER BY code")).all()
        used = self.session.scalar(sa.select(sa.func.count()).select_from(BasketLine)) or 0
        for code in codes[used : used + rows]:
            factories.stock(self.session, code)
            self.session.add(BasketLine(owner=buyer.id, sku_code=code, quantity=1))
            where = {"recipient": "张三", "phone": "13800000000", "region_code": "620102", "address": "一号"}
            self.session.add(SavedAddress(user_id=buyer.id, **where))
        self.session.commit()

    def _import(self, rows: int) -> None:
        by = actor_for(self.session, self.people[Role.OPERATOR])
        for _ in range(rows):
            made: SaleImport = take(sheet(*(row(编号=factories.key()) for _ in range(rows))), by=by)
            run(made.id)
            self.imported = made.id

    def url(self, template: str) -> str:
        """Put the newest names into an address."""
        parts = {
            "{month}": business_day().strftime("%Y-%m"),
            "{import}": str(self.imported),
            "{organisation}": self.purchaser.code,
        }
        for part, name in parts.items():
            template = template.replace(part, name)
        return template


def test_lists_send_no_more_statements_for_more_rows(app: Flask, client: FlaskClient, session: Session) -> None:
    world = World(client, session)
    world.fill(1)
    few = {role: count(app, world, role) for role in LISTS}
    world.fill(5)

    many = {role: count(app, world, role) for role in LISTS}

    assert many == few
    beyond = {url: sent for role, limits in LISTS.items() for url, sent in many[role].items() if sent > limits[url]}
    assert beyond == {}


@pytest.mark.parametrize(("many", "few"), GOODS.items())
def test_goods_cost_no_more_statements_for_more_goods(app: Flask, client: FlaskClient, many: str, few: str) -> None:
    assert len(statements(app, client, many)) <= max(9, len(statements(app, client, few)))


def test_the_count_finds_a_statement_a_row(app: Flask, session: Session) -> None:
    with counted(app) as sent:
        for _ in range(3):
            session.connection().exec_driver_sql("SELECT 1")

    assert len(sent) == 3


def count(app: Flask, world: World, role: Role | None) -> dict[str, int]:
    """Open every page of a role as one who has it."""
    client = app.test_client()
    factories.sign_in(client, world.people[role])
    token = factories.bearer(world.session, world.people[role])
    return {
        url: len(statements(app, client, world.url(url), token if url.startswith("/api/") else {}))
        for url in LISTS[role]
    }


def statements(app: Flask, client: FlaskClient, url: str, headers: dict[str, str] | None = None) -> list[str]:
    """Open a page and return the statements behind it."""
    with counted(app) as sent:
        answer = client.get(url, headers=headers, buffered=True)
        assert answer.status_code == 200, (url, answer.status_code, answer.get_data(as_text=True)[:300])
    return sent
