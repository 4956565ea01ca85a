"""The account page, the choice of organisation and the choice of language."""

import re
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from shop.db import db, now, transaction
from shop.errors import InvalidInput, NotFound
from shop.identity import audit, service, tokens
from shop.identity.actor import ORGANISATION_KEY, current_actor, forget_actor, organisations_of, require_actor, requires
from shop.identity.signin import agents, sessions
from shop.identity.signin.hooks import current_session_id
from shop.languages import LANGUAGES

blueprint = Blueprint("identity", __name__)

_OWN_PATH = re.compile(r"/(?![/\\])[^\\\s\x00-\x1f\x7f]*")


def own_path(target: str | None) -> str:
    r"""Return `target` if it is a path of this site, the home page otherwise.

    A browser reads `//host`, `/\host` and both with a tab inside as another site.
    """
    return target if target and _OWN_PATH.fullmatch(target) else url_for("catalogue.product_list")


@blueprint.get("/account")
@requires()
def account() -> ResponseReturnValue:
    """Show who is signed in, for which organisation, and with which keys."""
    return _account_page()


@blueprint.post("/account/organisation")
@requires()
def choose_organisation() -> ResponseReturnValue:
    """Act for another of one's organisations from now on."""
    chosen = request.form.get("organisation", "")
    if chosen not in {str(one.id) for one in organisations_of(db.session, require_actor().user_id)}:
        raise NotFound(gettext("您不属于这个机构"))
    session[ORGANISATION_KEY] = chosen
    forget_actor()
    flash(gettext("现在代表 %(name)s 操作", name=require_actor().organisation_name), "success")
    return redirect(url_for("identity.account"), code=303)


@blueprint.post("/account/tokens")
@requires()
def create_token() -> ResponseReturnValue:
    """Make a token and show it, once: in this page and nowhere else, so not through the session either."""
    with transaction() as database:
        text, _ = service.issue_token(database, require_actor(), at=now())
    return _account_page(new_token=text)


@blueprint.post("/account/tokens/<uuid:token_id>/revoke")
@requires()
def revoke_token(token_id: UUID) -> ResponseReturnValue:
    """End one of one's own tokens."""
    actor = require_actor()
    with transaction() as database:
        if not tokens.revoke_by_id(database, actor.user_id, token_id, at=now()):
            raise NotFound(gettext("没有这个令牌，或已停用"))
        audit.record(database, actor, action="token.revoked", subject=f"user:{actor.email}", token=token_id)
    flash(gettext("令牌已停用"), "success")
    return redirect(url_for("identity.account"), code=303)


@blueprint.post("/language")
def set_language() -> ResponseReturnValue:
    """Read the pages, and the mails of whoever is signed in, in another language; go back to where one was."""
    chosen = request.form.get("language", "")
    if chosen not in LANGUAGES:
        raise InvalidInput(gettext("没有这种语言"))
    session["language"] = chosen
    actor = current_actor()
    if actor is not None:
        with transaction() as database:
            service.choose_language(database, actor, chosen)
    return redirect(own_path(request.form.get("next")), code=303)


def _account_page(*, new_token: str = "") -> str:
    actor = require_actor()
    return render_template(
        "identity/account.html",
        roles=[service.ROLE_LABELS[role] for role in sorted(actor.roles)],
        organisations=organisations_of(db.session, actor.user_id),
        tokens=tokens.in_force(db.session, actor.user_id, at=now()),
        new_token=new_token,
        has_totp=current_user.has_totp,
        sessions=sessions.in_force(db.session, actor.user_id, at=now()),
        here_id=current_session_id(),
        device_of=agents.device,
    )
