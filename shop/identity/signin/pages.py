"""Signing out elsewhere."""

from uuid import UUID

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from shop.db import now, transaction
from shop.errors import NotFound
from shop.identity import audit
from shop.identity.actor import require_actor, requires
from shop.identity.signin import sessions
from shop.identity.signin.hooks import current_session_id

blueprint = Blueprint("signin", __name__)


@blueprint.post("/account/sessions/<uuid:session_id>/end")
@requires()
def end_session(session_id: UUID) -> ResponseReturnValue:
    """Sign out one of one's own devices. It is out with its next request."""
    actor = require_actor()
    with transaction() as database:
        if not sessions.end(database, actor.user_id, session_id, at=now()):
            raise NotFound(gettext("这台设备已经退出"))
        audit.record(database, actor, action="session.ended", subject=f"user:{actor.email}", ended=session_id)
    flash(gettext("已让这台设备退出登录"), "success")
    return redirect(url_for("identity.account"), code=303)


@blueprint.post("/account/sessions/end-others")
@requires()
def end_other_sessions() -> ResponseReturnValue:
    """Sign out all of one's devices but this one."""
    actor = require_actor()
    with transaction() as database:
        count = sessions.end_others(database, actor.user_id, but=current_session_id(), at=now())
        audit.record(database, actor, action="session.others_ended", subject=f"user:{actor.email}", count=count)
    flash(ngettext("已让 %(num)s 台设备退出登录", "已让 %(num)s 台设备退出登录", count), "success")
    return redirect(url_for("identity.account"), code=303)
