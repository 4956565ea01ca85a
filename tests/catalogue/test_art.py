"""The art that stands in for photographs."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.catalogue.models import Product
from shop.registry.models import Category

VENDOR = Path(__file__).resolve().parents[2] / "script" / "vendor.mjs"


class TestArt:
    def test_that_a_row_names_is_made_at_set_up(self, session: Session) -> None:
        named = {*session.scalars(sa.select(Product.art)), *session.scalars(sa.select(Category.art))} - {""}
        script = VENDOR.read_text(encoding="utf-8")

        assert [art for art in sorted(named) if f"{art}:" not in script] == []
