"""Reading what arrived at the bank."""

import sqlalchemy as sa
from flask_babel import gettext
from sqlalchemy.orm import Session, selectinload

from shop.db import Page, fetch_page
from shop.errors import NotFound
from shop.payments.models import BankReceipt


def receipts(session: Session, *, page: int, page_size: int, only_unallocated: bool = False) -> Page[BankReceipt]:
    """Return one page of bank receipts with their orders, newest first."""
    query = sa.select(BankReceipt).options(selectinload(BankReceipt.order))
    if only_unallocated:
        query = query.where(BankReceipt.allocated_fen < BankReceipt.amount_fen)
    query = query.order_by(BankReceipt.recorded_at.desc(), BankReceipt.id.desc())
    return fetch_page(session, query, page=page, page_size=page_size)


def receipt(session: Session, number: str) -> BankReceipt:
    """Return one bank receipt with its order and who recorded it.

    Raises:
        NotFound: there is none.
    """
    query = (
        sa.select(BankReceipt)
        .where(BankReceipt.number == number)
        .options(selectinload(BankReceipt.order), selectinload(BankReceipt.recorder))
    )
    found = session.scalar(query)
    if found is None:
        raise NotFound(gettext("没有这笔到账记录。"))
    return found
