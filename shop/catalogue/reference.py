"""The catalogue's part of the reference data: products, their packs, and a placeholder producer for each county.

What belongs to the reference and is brought in line by every load: a product's name, pinyin, category, county, season,
storage, geographical indication, brand status, art, note and source, and a pack's text, unit and weight. What belongs
to the operator is set when the row is new and never touched again: the producer, its name and commission, the
photograph, whether a product is listed, and a pack's price, the mark that it is illustrative, and its stock.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from shop.catalogue import rules, search
from shop.catalogue.finding import vocabulary
from shop.catalogue.models import BrandStatus, Producer, Product, Sku
from shop.registry import layout, service
from shop.registry import rules as cells
from shop.registry.files import Row, Table, raise_errors, read_table
from shop.registry.models import Category, Region
from shop.registry.rules import Parse, optional, optional_text, text
from shop.registry.sync import Change, sync

PRODUCTS = "products.csv"
_LOCK = 0x67616E776569
"""The advisory lock under which reference data are loaded: two loads at once run one after the other."""

COLUMNS: Mapping[str, Parse] = {
    "code": text,
    "name": text,
    "pinyin": text,
    "name_en": text,
    "category": cells.slug,
    "county": cells.region_code,
    "season": rules.season_months,
    "unit": text,
    "pack": text,
    "price_fen": cells.whole_number,
    "is_price_illustrative": cells.yes_no,
    "storage": cells.among("常温", "冷藏", "冷冻"),
    "gi": cells.flag,
    "gi_basis": optional_text,
    "brand_status": cells.one_of(BrandStatus),
    "brand_since": optional(cells.day),
    "brand_until": optional(cells.day),
    "art": optional(cells.slug),
    "is_listed": cells.yes_no,
    "note": optional_text,
    "source": text,
}
_PLAIN = ("name", "name_en", "pinyin", "storage", "gi", "gi_basis", "brand_status", "brand_since", "brand_until")


def load_reference(session: Session, directory: Path = service.DATA) -> list[Change]:
    """Load every reference file of a directory in the caller's transaction, and tell what changed.

    Raises:
        BadReferenceFiles: with every bad cell found in any of the files; nothing is stored.
    """
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    reading = service.read_reference(session, directory)
    products = read_table(directory / PRODUCTS, COLUMNS)
    _check(products, reading.known)
    raise_errors([*reading.tables.values(), products])
    changes = [*service.store_reference(session, reading), *_store(session, products.rows)]
    vocabulary.rebuild(session)
    return changes


def _check(table: Table, known: Mapping[str, frozenset[str]]) -> None:
    table.check_unique("code")
    table.check_known("category", known[layout.CATEGORIES], kind="category")
    table.check_known("county", known[layout.REGIONS], kind="region")
    for row in table.rows:
        if row["price_fen"] == 0:
            table.refuse(row, "price_fen", "must be more than nothing")
        try:
            rules.pack_weight_g(row["pack"])
        except ValueError as error:
            table.refuse(row, "pack", str(error))
        if reason := cells.check_range(row["brand_since"], row["brand_until"]):
            table.refuse(row, "brand_until", reason)
        if row["gi"] and not row["gi_basis"]:
            table.refuse(row, "gi_basis", "a geographical indication needs its basis")


def _store(session: Session, rows: list[Row]) -> list[Change]:
    counties = {
        row.code: row
        for row in session.scalars(
            sa.select(Region)
            .where(Region.code.in_({row["county"] for row in rows}))
            .options(joinedload(Region.parent))
            .order_by(Region.code)
        )
    }
    categories = {row.code: row for row in session.scalars(sa.select(Category))}
    producers = sync(
        session,
        Producer,
        [{"code": _producer_code(code), "county_code": code} for code in counties],
        key=("code",),
        initial=[{"name": f"{county.short_name}产地供货方"} for county in counties.values()],
    )
    producer_ids = dict(session.execute(sa.select(Producer.code, Producer.id)).all())
    made = dict(session.execute(sa.select(Product.search_digest, Product.search_text)).all())
    products = sync(
        session,
        Product,
        [_product(row, counties[row["county"]], categories[row["category"]], made) for row in rows],
        key=("id",),
        initial=[
            {"producer_id": producer_ids[_producer_code(row["county"])], "is_listed": row["is_listed"]} for row in rows
        ],
    )
    skus = sync(
        session,
        Sku,
        [_sku(row) for row in rows],
        key=("code",),
        initial=[
            {"price_fen": row["price_fen"], "is_price_illustrative": row["is_price_illustrative"], "stock": 0}
            for row in rows
        ],
    )
    return [producers, products, skus]


def _product(row: Row, county: Region, category: Category, made: Mapping[str, str]) -> dict[str, Any]:
    prefecture = county.prefecture
    parts = {
        "name": row["name"],
        "pinyin": row["pinyin"],
        "name_en": row["name_en"],
        "places": [(county.name, county.pinyin), (prefecture.name, prefecture.pinyin)],
        "kind": category.name,
    }
    digest = search.digest(parts)
    return {
        "id": row["code"],
        **{name: row[name] for name in _PLAIN},
        "sort_key": search.toneless(row["pinyin"]),
        "search_text": made.get(digest) or search.search_text(**parts),
        "search_digest": digest,
        "category_code": row["category"],
        "county_code": row["county"],
        "season_months": row["season"],
        "art": row["art"] or "",
        "note": row["note"],
        "source": row["source"],
    }


def _sku(row: Row) -> dict[str, Any]:
    return {
        "code": f"{row['code']}-1",
        "product_id": row["code"],
        "pack": row["pack"],
        "unit": row["unit"],
        "weight_g": rules.pack_weight_g(row["pack"]),
    }


def _producer_code(county_code: str) -> str:
    return f"S-{county_code}"
