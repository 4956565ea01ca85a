"""What the worker is to do with imports right now."""

from collections.abc import Callable

import sqlalchemy as sa

from shop.assistance.imports import queries
from shop.assistance.imports.models import SaleImport
from shop.assistance.imports.work.confirm import confirm
from shop.assistance.imports.work.run import run
from shop.db import transaction

TASK = "sale_imports"


def work_off(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Do what waits, the oldest import first, and what a dead worker left. Returns on how many imports it worked."""
    count = 0
    while not should_stop():
        with transaction() as session:
            due = queries.waiting(session)
        if not due:
            break
        with transaction() as session:
            is_read = session.scalars(sa.select(SaleImport).where(SaleImport.id == due[0])).one().is_final
        (confirm if is_read else run)(due[0], should_stop=should_stop)
        count += 1
    return count
