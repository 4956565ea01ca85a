"""What happens around the library's signing in and out: the session on record, the audit trail, the lock."""

from uuid import UUID

import structlog
from flask import Flask, g, request, session
from flask_login import current_user, user_logged_in, user_logged_out
from flask_security import (
    password_changed,
    password_reset,
    user_authenticated,
    user_confirmed,
    user_failed_authn,
    user_registered,
)
from flask_security.utils import set_request_attr

from shop.db import db, now, transaction
from shop.identity import audit, tokens
from shop.identity.actor import ORGANISATION_KEY, actor_for, forget_actor
from shop.identity.models import User
from shop.identity.signin import guard, sessions
from shop.problems import is_api_request

log = structlog.get_logger()

_ADDRESS_UNKNOWN = "-"
_NOT_PAGES = frozenset({None, "static", "security.static", "health.healthz", "health.readyz", "metrics.metrics"})


def register(app: Flask) -> None:
    """Let `app` take its users from the sessions on record, and keep them there."""
    app.login_manager.user_loader(load_user)  # type: ignore[attr-defined]  # set by the library
    app.before_request(_note_use)
    user_logged_in.connect(_on_logged_in, app)
    user_logged_out.connect(_on_logged_out, app)
    user_authenticated.connect(_on_sign_in, app)
    user_failed_authn.connect(_on_failed_sign_in, app)
    user_registered.connect(_on_registered, app)
    user_confirmed.connect(_on_confirmed, app)
    password_reset.connect(_on_password_reset, app)
    password_changed.connect(_on_password_changed, app)


def load_user(uniquifier: str) -> User | None:
    """Return whose cookie this is. One that was copied opens nothing once its session has ended."""
    session_id = current_session_id()
    found = sessions.find(db.session, uniquifier=uniquifier, session_id=session_id, at=now()) if session_id else None
    if found is None or not found.user.active:
        return None
    g.user_session = found.session
    # What the library's own loader tells the rest of it.
    set_request_attr("fs_authn_via", "session")
    set_request_attr("fs_paa", session.get("fs_paa", 0))
    return found.user


def current_session_id() -> UUID | None:
    """Return the session that this request's cookie names; None for a visitor."""
    text = session.get(sessions.KEY)
    return UUID(text) if text else None


def _note_use() -> None:
    """Note that the session is used, one write in minutes: the loader has read when it was noted last."""
    if "_user_id" not in session or request.endpoint in _NOT_PAGES or is_api_request():
        return
    if current_user.is_authenticated and sessions.is_due(g.user_session, at=now()):
        with transaction() as database:
            sessions.touch(database, g.user_session.id, at=now())


def _on_logged_in(_sender: Flask, *, user: User, **_event: object) -> None:
    before = current_session_id()
    _forget_what_was_known()
    begun = sessions.start(
        db.session,
        user,
        address=request.remote_addr or _ADDRESS_UNKNOWN,
        agent=request.headers.get("User-Agent", ""),
        at=now(),
    )
    if before is not None:
        sessions.end(db.session, user.id, before, at=now())
    session[sessions.KEY] = str(begun.id)
    if "language" in session:
        user.language = session["language"]
    session["language"] = user.language


def _on_logged_out(_sender: Flask, *, user: User | None = None, **_event: object) -> None:
    ended = current_session_id()
    session.pop(sessions.KEY, None)
    if user is not None and ended is not None:
        with transaction() as database:
            sessions.end(database, user.id, ended, at=now())
    _forget_what_was_known()


def _forget_what_was_known() -> None:
    """Carry nothing over from one person to the next, and no form's token from before the sign-in to after it."""
    session.pop(ORGANISATION_KEY, None)
    session.pop("csrf_token", None)
    g.pop("csrf_token", None)
    forget_actor()


def _on_sign_in(_sender: Flask, *, user: User, authn_via: list[str] | None = None, **_event: object) -> None:
    guard.forgive(db.session, user.email)
    audit.record(
        db.session,
        actor_for(db.session, user),
        action="user.signed_in",
        subject=f"user:{user.email}",
        address=request.remote_addr,
        via=authn_via,
    )


def _on_registered(_sender: Flask, *, user: User, **_event: object) -> None:
    audit.record(db.session, None, action="user.registered", subject=f"user:{user.email}")


def _on_confirmed(_sender: Flask, *, user: User, **_event: object) -> None:
    audit.record(db.session, None, action="user.confirmed", subject=f"user:{user.email}")


def _on_failed_sign_in(_sender: Flask, *, user: User, auth_type: str, **_event: object) -> None:
    log.warning("sign-in failed", user=str(user.id), what=auth_type, address=request.remote_addr)


def _on_password_reset(_sender: Flask, *, user: User, **_event: object) -> None:
    """Trust whoever opened the mail: the address is confirmed and no longer locked, and old keys open nothing more.

    The library has given the person a new uniquifier, which ends every session.
    """
    user.confirmed_at = user.confirmed_at or now()
    guard.forgive(db.session, user.email)
    tokens.revoke_all(db.session, user.id, at=now())
    audit.record(db.session, None, action="user.password_reset", subject=f"user:{user.email}")


def _on_password_changed(_sender: Flask, *, user: User, **_event: object) -> None:
    """End what was opened with the old password: the library has ended the other sessions, and here go the tokens."""
    tokens.revoke_all(db.session, user.id, at=now())
    actor = actor_for(db.session, user)
    audit.record(db.session, actor, action="user.password_changed", subject=f"user:{user.email}")
