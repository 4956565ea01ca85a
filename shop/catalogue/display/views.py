"""Products as pages and API show them: plain values, nothing that could still ask the database."""

from dataclasses import dataclass
from datetime import date

from flask import url_for

from shop.catalogue import rules
from shop.catalogue.display.labels import BRAND_LABELS, STORAGE_LABELS
from shop.catalogue.models import BrandStatus, Product, Sku
from shop.registry.models import Category, Region


@dataclass(frozen=True)
class SkuView:
    """One pack. Unit prices are rounded for display; None where the pack has no weight."""

    code: str
    pack: str
    unit: str
    weight_g: int | None
    price_fen: int
    per_500g_fen: int | None
    per_kg_fen: int | None
    stock: int
    is_price_illustrative: bool


@dataclass(frozen=True)
class ProductView:
    """One product with its packs, its origin and what is known of it. `gi` None means unknown, not no."""

    id: str
    name: str
    name_en: str
    pinyin: str
    category: Category
    county: Region
    prefecture: Region
    season_months: list[int]
    in_season: bool
    storage: str
    gi: bool | None
    gi_basis: str
    brand_status: BrandStatus
    note: str
    producer_name: str
    image_url: str
    is_art: bool
    """Whether the image is art that stands in for a photograph."""
    is_listed: bool
    skus: list[SkuView]

    @property
    def in_stock(self) -> bool:
        """Whether any pack can be bought."""
        return any(sku.stock for sku in self.skus)

    @property
    def is_seasonal_now(self) -> bool:
        """Whether it has its season now and is not there all the year."""
        return self.in_season and len(self.season_months) < rules.MONTHS

    @property
    def storage_label(self) -> str:
        """How to keep it, in the reader's language."""
        return str(STORAGE_LABELS.get(self.storage, self.storage))

    @property
    def brand_label(self) -> str:
        """Its place in the 甘味 catalogue, in the reader's language; empty when unknown."""
        return str(BRAND_LABELS[self.brand_status])

    @property
    def url(self) -> str:
        """The address of its page."""
        return url_for("catalogue.product_page", product_id=self.id)


def product_view(product: Product, *, on: date) -> ProductView:
    """Return the view of a product whose category, county (with its parent), producer and packs are loaded."""
    return ProductView(
        id=product.id,
        name=product.name,
        name_en=product.name_en,
        pinyin=product.pinyin,
        category=product.category,
        county=product.county,
        prefecture=product.county.prefecture,
        season_months=product.season_months,
        in_season=rules.is_in_season(product.season_months, on.month),
        storage=product.storage,
        gi=product.gi,
        gi_basis=product.gi_basis,
        brand_status=product.brand_status,
        note=product.note,
        producer_name=product.producer.name,
        image_url=image_url(product),
        is_art=product.image_url is None,
        is_listed=product.is_listed,
        skus=[_sku_view(sku) for sku in product.skus],
    )


def image_url(product: Product) -> str:
    """Return the address of a product's photograph, or of the art that stands in for it. Its category is loaded."""
    return product.image_url or art_url(product.art or product.category.art)


def art_url(art: str) -> str:
    """Return the address of a piece of category art."""
    return url_for("static", filename=f"vendor/art/{art}.webp")


def _sku_view(sku: Sku) -> SkuView:
    per_500g = rules.unit_price_fen(sku.price_fen, sku.weight_g, per_g=rules.GRAMS_PER_JIN)
    per_kg = rules.unit_price_fen(sku.price_fen, sku.weight_g, per_g=rules.GRAMS_PER_KG)
    return SkuView(
        code=sku.code,
        pack=sku.pack,
        unit=sku.unit,
        weight_g=sku.weight_g,
        price_fen=sku.price_fen,
        per_500g_fen=rules.rounded(per_500g),
        per_kg_fen=rules.rounded(per_kg),
        stock=sku.stock,
        is_price_illustrative=sku.is_price_illustrative,
    )
