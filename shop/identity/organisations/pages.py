"""Organisations and their people: made and edited by the operator, their people managed by their administrators."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from wtforms.fields import SelectChoice

import ledger
from shop.db import business_day, db, now, transaction
from shop.errors import InvalidInput, ShopError
from shop.identity import service as identity
from shop.identity.actor import Actor, require_actor, requires
from shop.identity.idempotency import idempotent
from shop.identity.models import Organisation, Role
from shop.identity.organisations import invitations, queries, rules, service
from shop.identity.organisations.forms import KIND_LABELS, NOTHING, InvitationForm, OrganisationForm, show_errors
from shop.registry import queries as registry
from shop.web import localised, page_number

blueprint = Blueprint("organisations", __name__)

PAGE_SIZE = 20
_MANAGERS = (Role.OPERATOR, Role.ADMINISTRATOR)


@blueprint.get("/organisations")
@requires(Role.OPERATOR)
def organisations() -> ResponseReturnValue:
    """List purchasers and partners' offices."""
    text = request.args.get("q", "").strip()
    page = queries.organisations(db.session, text=text, page=page_number(), page_size=PAGE_SIZE)
    return render_template(
        "identity/organisations.html",
        page=page,
        text=text,
        counts=queries.member_counts(db.session, page.items),
        kinds=KIND_LABELS,
        names=registry.names(db.session),
        url_for_page=lambda n: url_for("organisations.organisations", page=n, q=text or None),
    )


@blueprint.route("/organisations/new", methods=["GET", "POST"])
@requires(Role.OPERATOR)
@idempotent
def new_organisation() -> ResponseReturnValue:
    """Make an organisation."""
    form = _organisation_form()
    if form.validate_on_submit():
        try:
            with transaction() as session:
                made = service.create_organisation(session, require_actor(), form.draft())
        except ShopError as error:
            _blame(form, error, field="code")
        else:
            flash(gettext("机构已建立。现在邀请它的管理员。"), "success")
            return redirect(url_for("organisations.organisation", code=made.code), code=303)
    status = 422 if form.errors or form.form_errors else 200
    return render_template("identity/organisation_form.html", form=form, organisation=None), status


@blueprint.route("/organisations/<code>/edit", methods=["GET", "POST"])
@requires(Role.OPERATOR)
def edit_organisation(code: str) -> ResponseReturnValue:
    """Change what an organisation is."""
    organisation = queries.organisation(db.session, require_actor(), code)
    form = _organisation_form(organisation)
    form.code.data = organisation.code
    if form.validate_on_submit():
        try:
            with transaction() as session:
                service.edit_organisation(session, require_actor(), code, form.draft())
        except InvalidInput as error:
            _blame(form, error, field="name")
        else:
            flash(gettext("机构资料已保存"), "success")
            return redirect(url_for("organisations.organisation", code=code), code=303)
    status = 422 if form.errors or form.form_errors else 200
    return render_template("identity/organisation_form.html", form=form, organisation=organisation), status


@blueprint.get("/organisations/<code>")
@requires(*_MANAGERS)
def organisation(code: str) -> ResponseReturnValue:
    """Show an organisation with its people and open invitations."""
    return _organisation_page(code)


@blueprint.post("/organisations/<code>/invitations")
@requires(*_MANAGERS)
@idempotent
def invite(code: str) -> ResponseReturnValue:
    """Invite somebody by mail."""
    actor = require_actor()
    organisation = queries.organisation(db.session, actor, code)
    form = _invitation_form(actor, organisation)
    if not form.validate():
        return _organisation_page(code, form), 422
    try:
        with transaction() as session:
            role = Role(form.role.data)
            invitations.invite(session, actor, organisation, email=form.email.data, role=role, at=now())
    except ShopError as error:
        _blame(form, error, field="email")
        return _organisation_page(code, form), error.status
    flash(gettext("邀请已发往 %(email)s，7 天内有效", email=form.email.data), "success")
    return redirect(url_for("organisations.organisation", code=code), code=303)


@blueprint.post("/organisations/<code>/invitations/<uuid:invitation_id>/revoke")
@requires(*_MANAGERS)
def revoke_invitation(code: str, invitation_id: UUID) -> ResponseReturnValue:
    """Take an invitation back."""
    actor = require_actor()
    with transaction() as session:
        invitations.revoke(session, actor, queries.organisation(session, actor, code), invitation_id, at=now())
    flash(gettext("邀请已收回"), "success")
    return redirect(url_for("organisations.organisation", code=code), code=303)


@blueprint.post("/organisations/<code>/members/<uuid:user_id>/roles")
@requires(*_MANAGERS)
def change_role(code: str, user_id: UUID) -> ResponseReturnValue:
    """Give a member a role, or take one."""
    actor = require_actor()
    role = request.form.get("role", "")
    if role not in set(Role):
        raise InvalidInput(gettext("没有这个角色"))
    with transaction() as session:
        organisation = queries.organisation(session, actor, code, for_update=True)
        change = service.take_role if "take" in request.form else service.give_role
        change(session, actor, organisation, user_id=user_id, role=Role(role), at=now())
    flash(gettext("角色已收回") if "take" in request.form else gettext("角色已授予"), "success")
    return redirect(url_for("organisations.organisation", code=code), code=303)


def _organisation_page(code: str, form: InvitationForm | None = None) -> str:
    actor = require_actor()
    organisation = queries.organisation(db.session, actor, code)
    return render_template(
        "identity/organisation.html",
        organisation=organisation,
        form=form or _invitation_form(actor, organisation),
        members=queries.members(db.session, organisation),
        invitations=queries.open_invitations(db.session, organisation),
        is_expired=lambda one: queries.is_expired(one, at=now()),
        givable=rules.roles_to_give(actor, organisation),
        may_edit=rules.may_edit(actor, organisation),
        labels=identity.ROLE_LABELS,
        kinds=KIND_LABELS,
        names=registry.names(db.session),
    )


def _invitation_form(actor: Actor, organisation: Organisation) -> InvitationForm:
    form = InvitationForm()
    form.role.choices = [
        SelectChoice(str(role), identity.ROLE_LABELS[role]) for role in rules.roles_to_give(actor, organisation)
    ]
    return form


def _organisation_form(organisation: Organisation | None = None) -> OrganisationForm:
    form = OrganisationForm(obj=organisation)
    nothing = SelectChoice(NOTHING, gettext("无"))
    form.partner_code.choices = [
        nothing,
        *(SelectChoice(one.code, localised(one)) for one in registry.partners(db.session)),
    ]
    form.channel_code.choices = [
        nothing,
        *(SelectChoice(one.code, localised(one)) for one in registry.channels(db.session, on=business_day())),
    ]
    if organisation is not None and not form.is_submitted():
        form.credit_limit.data = ledger.format_yuan(organisation.credit_limit_fen).replace(",", "")
    return form


def _blame(form: OrganisationForm | InvitationForm, error: ShopError, *, field: str) -> None:
    """Show a refusal beside the fields to blame; one that names none, beside `field`."""
    show_errors(form, error.errors)
    if not error.errors:
        form[field].errors = [*form[field].errors, error.told]
