"""The shop's pages: the list, a product, and the stock page of an operator."""

from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

import ledger
from shop.catalogue import queries, search, service
from shop.catalogue.display import listing
from shop.catalogue.display.views import ProductView, SkuView
from shop.catalogue.finding.facets import facets
from shop.catalogue.finding.filters import ProductFilters
from shop.catalogue.finding.matching import resolve
from shop.catalogue.service import ItemUpdate, StockMoved
from shop.db import Page, business_day, db, transaction
from shop.errors import NotFound, ShopError
from shop.identity.actor import require_actor, requires
from shop.identity.idempotency import idempotent
from shop.identity.models import Role
from shop.visitors import same_for_visitors
from shop.web import page_number

blueprint = Blueprint("catalogue", __name__)

PAGE_SIZE = 24
STOCK_PAGE_SIZE = 50
_MAX_DIGITS = 9


@dataclass(frozen=True)
class _Row:
    """What the form of one item shows: what is, or what was typed and refused, with the reason and its field."""

    stock: str
    seen_stock: str
    price: str
    is_listed: bool
    wrong_field: str = ""
    error: str = ""


@blueprint.get("/")
@same_for_visitors
def product_list() -> ResponseReturnValue:
    """Show what is for sale, narrowed by the address; what the address gets wrong is left out and said."""
    asked, is_odd = listing.read_filters(request.args)
    wanted = resolve(db.session, asked.q)
    counts = facets(db.session, asked, wanted)
    filters = listing.without_unknown(asked, counts)
    if filters != asked:
        counts = facets(db.session, filters, wanted)
    page = queries.product_list(db.session, filters, page_number(), PAGE_SIZE, wanted)
    if page.page > page.pages:
        return redirect(listing.list_url(filters, page=page.pages))
    lists = listing.facet_lists(filters, counts)
    return render_template(
        "catalogue/product_list.html",
        page=page,
        filters=filters,
        facets=lists,
        sorts=listing.sorts(filters),
        active=listing.chips(filters, lists, counts.without),
        clear_url=url_for(listing.ENDPOINT),
        notice=gettext("网址中有无法识别的筛选条件，已忽略。") if is_odd or filters != asked else "",
        told=listing.told(filters, wanted),
        single_words=listing.single_words(filters, wanted),
        month=business_day().month,
        month_url=listing.list_url(ProductFilters(month=business_day().month, sort="season")),
        url_for_page=lambda number: listing.list_url(filters, page=number),
    )


@blueprint.get("/products/<product_id>")
@same_for_visitors
def product_page(product_id: str) -> ResponseReturnValue:
    """Show one product with its packs, and others of its county."""
    product = queries.product(db.session, product_id)
    return render_template("catalogue/product_page.html", product=product, related=queries.related(db.session, product))


@blueprint.get("/catalogue/stock")
@requires(Role.OPERATOR)
def stock() -> ResponseReturnValue:
    """Show every product with what an operator sets: stock, price, listing."""
    page = _stock_page()
    if page.page > page.pages:
        return redirect(_stock_url(_stock_query(), page.pages))
    return _render_stock(page)


@blueprint.post("/catalogue/stock/<sku_code>", endpoint="stock_update")
@requires(Role.OPERATOR)
@idempotent
def update_item(sku_code: str) -> ResponseReturnValue:
    """Set stock, price and listing of one item, as the operator's form has them; a refused one keeps what was typed."""
    try:
        update = ItemUpdate(
            stock=_whole_number(request.form.get("stock", "")),
            seen_stock=_whole_number(request.form.get("seen_stock", "")),
            price_fen=_price_fen(request.form.get("price", "")),
            is_listed="is_listed" in request.form,
        )
        with transaction() as session:
            service.update_item(session, require_actor(), sku_code, update)
    except NotFound:
        raise
    except ShopError as refusal:
        return _render_stock(_stock_page(), sku_code, refusal), refusal.status
    flash(gettext("已保存 %(code)s。", code=sku_code), "success")
    return redirect(_stock_url(_stock_query(), page_number()))


def _stock_query() -> str:
    return request.args.get("q", "").strip()[: search.MAX_QUERY_LENGTH]


def _stock_page() -> Page[ProductView]:
    return queries.stock_list(db.session, q=_stock_query(), page=page_number(), page_size=STOCK_PAGE_SIZE)


def _render_stock(page: Page[ProductView], refused_code: str = "", refusal: ShopError | None = None) -> str:
    def row_of(product: ProductView, sku: SkuView) -> _Row:
        if refusal is not None and sku.code == refused_code:
            return _refused_row(sku, refusal)
        return _Row(str(sku.stock), str(sku.stock), ledger.format_yuan(sku.price_fen), product.is_listed)

    q = _stock_query()
    return render_template(
        "catalogue/stock.html",
        page=page,
        q=q,
        row_of=row_of,
        refused_code=refused_code,
        refusal=refusal,
        url_for_page=lambda number: _stock_url(q, number),
    )


def _refused_row(sku: SkuView, refusal: ShopError) -> _Row:
    """Return what was typed. Only a refusal that told of the stock's move lets the new number count as seen."""
    form, has_moved = request.form, isinstance(refusal, StockMoved)
    return _Row(
        stock=form.get("stock", ""),
        seen_stock=str(sku.stock) if has_moved else form.get("seen_stock", ""),
        price=form.get("price", ""),
        is_listed="is_listed" in form,
        wrong_field=refusal.errors[0].field if refusal.errors else "stock",
        error=refusal.told,
    )


def _stock_url(q: str, page: int) -> str:
    return url_for("catalogue.stock", q=q or None, page=page if page > 1 else None)


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _price_fen(text: str) -> int | None:
    try:
        return ledger.parse_yuan(text)
    except ledger.LedgerError:
        return None
