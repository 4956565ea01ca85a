"""Sheets as people make them, and an importer that reads them to their end."""

import csv
import io
from collections.abc import Iterable
from typing import Any, Protocol

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.assistance.imports import service
from shop.assistance.imports.models import SaleImport, SaleImportRow
from shop.assistance.imports.work.run import run
from shop.db import transaction
from shop.identity.actor import Actor, actor_for
from shop.identity.models import Role
from tests import factories

HEADINGS = (
    "编号", "帮扶方", "帮扶方式", "销售渠道", "产地县", "品类", "产品", "数量", "单位", "金额（元）", "销售日期",
    "采购方", "凭证种类", "凭证编号",
)  # fmt: skip
ROW = {
    "编号": "", "帮扶方": "天津市", "帮扶方式": "帮助销售", "销售渠道": "商超", "产地县": "泾川县", "品类": "果蔬",
    "产品": "泾川苹果", "数量": "120.5", "单位": "箱", "金额（元）": "1,234.56", "销售日期": "2021-09-15",
    "采购方": "天津某超市", "凭证种类": "合同", "凭证编号": "HT-001",
}  # fmt: skip


def row(**cells: str) -> dict[str, str]:
    """Return a row that is accepted, but for what is given otherwise."""
    return ROW | cells


def sheet(*rows: dict[str, str], headings: Iterable[str] = HEADINGS, encoding: str = "utf-8-sig", **how: Any) -> bytes:
    """Return rows as a CSV file."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, list(headings), **how)
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode(encoding)


class Importer(Protocol):
    """Reads a file to its end, and returns the import."""

    def __call__(self, data: bytes, *, by: Actor | None = None, whole: bool = False) -> SaleImport: ...


@pytest.fixture
def operator(session: Session) -> Actor:
    """Return an operator."""
    return actor_for(session, factories.user(session, role=Role.OPERATOR))


@pytest.fixture
def officer(session: Session) -> Actor:
    """Return an officer of Tianjin's."""
    return actor_for(session, factories.user(session, role=Role.PARTNER_OFFICER))


@pytest.fixture
def finance(session: Session) -> Actor:
    """Return somebody of finance."""
    return actor_for(session, factories.user(session, role=Role.FINANCE))


def take(data: bytes, *, by: Actor, whole: bool = False) -> SaleImport:
    """Send a file, and leave it unread."""
    with transaction() as session:
        return service.take(session, by, io.BytesIO(data), filename="sheet", is_all_or_nothing=whole)


@pytest.fixture
def read(session: Session, operator: Actor) -> Importer:
    """Return a function that sends a file and reads it."""

    def imported(data: bytes, *, by: Actor | None = None, whole: bool = False) -> SaleImport:
        made = take(data, by=by or operator, whole=whole)
        run(made.id)
        with transaction():
            return session.get_one(SaleImport, made.id, populate_existing=True)

    return imported


def outcomes(session: Session, done: SaleImport) -> list[str]:
    """Return the verdicts on the rows in their order."""
    query = sa.select(SaleImportRow.outcome).where(SaleImportRow.import_id == done.id).order_by(SaleImportRow.row)
    return [str(outcome) for outcome in session.scalars(query)]


def faults(session: Session, done: SaleImport) -> list[tuple[int, str, str, str]]:
    """Return what is wrong: row, column, value, reason."""
    query = sa.select(SaleImportRow).where(SaleImportRow.import_id == done.id).order_by(SaleImportRow.row)
    return [
        (one.row, fault["column"], fault["value"], fault["zh"])
        for one in session.scalars(query)
        for fault in one.faults or []
    ]
