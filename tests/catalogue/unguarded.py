"""Stock as it must not be kept: read, then written, without a lock. The control of the tests that prove the lock."""

from collections.abc import Callable, Mapping

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.catalogue.models import Sku
from shop.catalogue.stock import holds
from shop.catalogue.stock.holds import Cause


def write_what_was_read(monkeypatch: pytest.MonkeyPatch, *, between: Callable[[], object] = lambda: None) -> None:
    """Take the locks away, and store the number that was read less what was asked for, after `between`."""

    def move(session: Session, skus: Mapping[str, Sku], changes: Mapping[str, int], cause: Cause) -> None:
        assert cause.reason
        between()
        for code, sku in skus.items():
            session.execute(sa.update(Sku).where(Sku.code == code).values(stock=sku.stock + changes[code]))

    monkeypatch.setattr(holds, "_LOCKED", vars(holds)["_ITEMS"])
    monkeypatch.setattr(holds, "_move", move)
