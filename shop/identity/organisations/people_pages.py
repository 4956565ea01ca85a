"""Taking an invitation, and shutting people out."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from shop.db import db, now, transaction
from shop.errors import ShopError
from shop.identity.actor import current_actor, forget_actor, require_actor, requires
from shop.identity.models import Role
from shop.identity.organisations import invitations, queries, rules, service
from shop.identity.organisations.forms import NewcomerForm, show_errors
from shop.identity.organisations.models import Invitation
from shop.identity.pages import own_path
from shop.identity.service import ROLE_LABELS
from shop.web import page_number

blueprint = Blueprint("people", __name__)

PAGE_SIZE = 20


@blueprint.get("/invitations/<token>", endpoint="invitation")
def show_invitation(token: str) -> ResponseReturnValue:
    """Show whoever opened the mail what the invitation is to."""
    return _invitation_page(invitations.find(db.session, token, at=now()), token, NewcomerForm())


@blueprint.post("/invitations/<token>", endpoint="accept_invitation")
def take_invitation(token: str) -> ResponseReturnValue:
    """Take the invitation: as who is signed in, or with a new account."""
    actor = current_actor()
    if actor is not None:
        with transaction() as session:
            taken = invitations.accept(session, actor, token, at=now())
        forget_actor()
        flash(gettext("您已加入 %(name)s", name=taken.organisation.name), "success")
        return redirect(url_for("identity.account"), code=303)
    form = NewcomerForm()
    if not form.validate():
        return _invitation_page(invitations.find(db.session, token, at=now()), token, form), 422
    try:
        with transaction() as session:
            invitations.accept_as_new(session, token, name=form.name.data, password=form.password.data, at=now())
    except invitations.InvitationGone:
        raise
    except ShopError as error:
        show_errors(form, error.errors)
        return _invitation_page(invitations.find(db.session, token, at=now()), token, form), error.status
    flash(gettext("账户已建立，请登录。"), "success")
    return redirect(url_for("security.login"), code=303)


@blueprint.get("/people")
@requires(Role.OPERATOR)
def people() -> ResponseReturnValue:
    """List people, to find one."""
    text = request.args.get("q", "").strip()
    actor = require_actor()
    return render_template(
        "identity/people.html",
        page=queries.people(db.session, text=text, page=page_number(), page_size=PAGE_SIZE),
        text=text,
        labels=ROLE_LABELS,
        may_switch=lambda user: rules.may_switch(
            actor,
            user_is_actor=user.id == actor.user_id,
            organisations=[one.organisation for one in user.memberships],
        ),
        url_for_page=lambda n: url_for("people.people", page=n, q=text or None),
    )


@blueprint.post("/people/<uuid:user_id>/active")
@requires(Role.OPERATOR, Role.ADMINISTRATOR)
def set_active(user_id: UUID) -> ResponseReturnValue:
    """Shut a person out, or let the person in again."""
    active = "activate" in request.form
    with transaction() as session:
        service.set_active(session, require_actor(), user_id=user_id, active=active, at=now())
    flash(gettext("已恢复，可以重新登录") if active else gettext("已停用，所有设备立即退出"), "success")
    return redirect(own_path(request.form.get("next")), code=303)


def _invitation_page(invitation: Invitation, token: str, form: NewcomerForm) -> str:
    return render_template(
        "identity/invitation.html",
        invitation=invitation,
        token=token,
        form=form,
        role=ROLE_LABELS[invitation.role],
        has_account=invitations.has_account(db.session, invitation),
    )
