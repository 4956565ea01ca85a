"""The address book as pages."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from shop.db import db, transaction
from shop.errors import InvalidInput
from shop.identity.actor import require_actor, requires
from shop.identity.idempotency import idempotent
from shop.orders.addresses import service
from shop.orders.addresses.forms import AddressForm
from shop.orders.forms import PROVINCES

blueprint = Blueprint("addresses", __name__)


@blueprint.get("/account/addresses")
@requires()
def addresses() -> ResponseReturnValue:
    """List one's own addresses."""
    return _page(AddressForm(), status=200)


@blueprint.post("/account/addresses")
@requires()
@idempotent
def add_address() -> ResponseReturnValue:
    """Add an address."""
    return _save(None)


@blueprint.route("/account/addresses/<uuid:address_id>", methods=["GET", "POST"])
@requires()
def edit_address(address_id: UUID) -> ResponseReturnValue:
    """Change an address."""
    saved = service.address(db.session, require_actor(), address_id)
    form = AddressForm()
    if form.is_submitted():
        return _save(address_id)
    form.name.data, form.phone.data = saved.recipient, saved.phone
    form.region_code.data, form.address.data, form.as_default.data = saved.region_code, saved.address, saved.is_default
    return _page(form, editing=address_id, status=200)


@blueprint.post("/account/addresses/<uuid:address_id>/remove")
@requires()
def remove_address(address_id: UUID) -> ResponseReturnValue:
    """Remove an address. Orders keep theirs."""
    with transaction() as session:
        service.remove(session, require_actor(), address_id)
    flash(gettext("地址已删除"), "success")
    return redirect(url_for("addresses.addresses"), code=303)


def _save(address_id: UUID | None) -> ResponseReturnValue:
    form = AddressForm()
    if not form.validate():
        return _page(form, editing=address_id, status=422)
    try:
        with transaction() as session:
            as_default = form.as_default.data
            service.save(session, require_actor(), form.ship_to(), address_id=address_id, as_default=as_default)
    except InvalidInput as error:
        form.address.errors = [error.told]
        return _page(form, editing=address_id, status=error.status)
    flash(gettext("地址已保存"), "success")
    return redirect(url_for("addresses.addresses"), code=303)


def _page(form: AddressForm, *, editing: UUID | None = None, status: int) -> ResponseReturnValue:
    page = render_template(
        "orders/addresses.html",
        form=form,
        editing=editing,
        addresses=service.addresses(db.session, require_actor()),
        provinces=dict(PROVINCES),
    )
    return page, status
