"""Signing in: flask-security, forgery protection and the limit on guessing, as this shop needs them."""

from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

import structlog
from flask import Flask, Response, abort, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import user_logged_in, user_logged_out
from flask_security import FSQLALiteUserDatastore, RoleMixin, Security, user_authenticated, user_failed_authn
from flask_security.forms import LoginForm as SecurityLoginForm
from flask_security.forms import TwoFactorSetupForm
from flask_security.totp import Totp
from flask_wtf.csrf import CSRFProtect
from sqlalchemy.exc import SQLAlchemyError
from wtforms import StringField
from wtforms.validators import DataRequired

from shop import problems
from shop.config import Settings
from shop.db import db
from shop.errors import NotSignedIn
from shop.identity import audit
from shop.identity.actor import ORGANISATION_KEY, Actor, actor_for, current_actor, forget_actor
from shop.identity.idempotency import once_field
from shop.identity.models import User
from shop.identity.service import PASSWORD_LENGTH_MIN, demo_logins

log = structlog.get_logger()

limiter = Limiter(get_remote_address, storage_uri="memory://", headers_enabled=True)

GUESSING = ("security.login", "security.two_factor_token_validation", "security.verify", "security.change_password")
"""Pages that take a secret which somebody might guess."""


def _guesses() -> str:
    return str(current_app.config["SETTINGS"].password_guesses)


limit_guessing = limiter.shared_limit(_guesses, scope="password", methods=["POST"])
"""One budget for all doors, so that a guesser does not get it again at each."""


class LoginForm(SecurityLoginForm):  # type: ignore[misc]  # flask-security ships no types
    """E-mail address and password. There is no lasting sign-in: a cookie that outlives the browser is one more door."""

    remember = None
    email = StringField(
        lazy_gettext("邮箱"),
        filters=[lambda value: value.strip().lower() if value else value],
        validators=[DataRequired(lazy_gettext("请输入邮箱"))],
        render_kw={"autocomplete": "username", "inputmode": "email", "autocapitalize": "none"},
    )


class TotpSetupForm(TwoFactorSetupForm):  # type: ignore[misc]  # flask-security ships no types
    """Two buttons, on and off. The library's radio field of four methods uses what wtforms deprecates."""

    setup = StringField()


class PageCsrf(CSRFProtect):  # type: ignore[misc]  # flask-wtf ships no types
    """Forgery protection of every page. The API never reads a cookie, so nobody can forge a request to it."""

    def protect(self, *, apply_exemptions: bool = False) -> None:
        """Check the token, except under the API's prefix."""
        if not problems.is_api_request():
            super().protect(apply_exemptions=apply_exemptions)


class TotpMatch(Protocol):
    """What the library found: the time step that a code belongs to."""

    counter: int


class SingleUseTotp(Totp):  # type: ignore[misc]  # flask-security ships no types
    """One-time passwords that really work one time: a code that was seen over a shoulder opens nothing."""

    def get_last_counter(self, user: User) -> int | None:
        """Return the time step of the last accepted code."""
        return user.tf_last_counter

    def set_last_counter(self, user: User, tmatch: TotpMatch) -> None:
        """Remember the time step of an accepted code, in the commit of the sign-in."""
        user.tf_last_counter = tmatch.counter


def register(app: Flask, settings: Settings) -> None:
    """Give `app` sign-in at `/login`, sign-out by POST at `/logout`, CSRF protection and the limit on guessing."""
    app.config.update(_configuration(settings))
    PageCsrf(app)
    security = Security(
        app,
        FSQLALiteUserDatastore(db, User, RoleMixin),
        login_form=LoginForm,
        two_factor_setup_form=TotpSetupForm,
        totp_cls=SingleUseTotp,
    )
    # JSON would answer with the library's own documents and, when asked to, with an authentication token.
    security.want_json(lambda _request: False)
    # The library's own tokens are no second door: bearer tokens count under /api/ only, and are ours.
    app.login_manager.request_loader(lambda _request: None)  # type: ignore[attr-defined]  # set by the library
    if settings.demo:
        security.login_context_processor(lambda: {"demo_logins": demo_logins(db.session)})
    limiter.init_app(app)
    for endpoint in GUESSING:
        limited: Any = limit_guessing(app.view_functions[endpoint])
        app.view_functions[endpoint] = limited
    # Help over e-mail does not exist in this version; an operator resets a lost second factor.
    app.view_functions["security.two_factor_rescue"] = _no_rescue
    app.register_error_handler(NotSignedIn, _send_to_sign_in)
    app.after_request(_keep_out_of_caches)
    app.context_processor(_actor_for_templates)
    app.add_template_global(once_field)
    _listen(app)


def _configuration(settings: Settings) -> dict[str, Any]:
    return {
        # With this prefix a browser refuses the cookie from a neighbouring host and without TLS.
        "SESSION_COOKIE_NAME": "__Host-session" if settings.secure_cookies else "session",
        "PERMANENT_SESSION_LIFETIME": timedelta(days=7),
        # The token lives as long as the session: a basket left open over lunch still works.
        "WTF_CSRF_TIME_LIMIT": None,
        # Nobody has a role of the library's: see `User.roles`.
        "SECURITY_JOIN_USER_ROLES": False,
        "SECURITY_PASSWORD_SALT": settings.password_salt,
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_PASSWORD_SCHEMES": ["argon2"],
        "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": {
            "argon2__memory_cost": settings.password_memory_kib,
            "argon2__time_cost": 3,
            "argon2__parallelism": 1,
        },
        "SECURITY_PASSWORD_LENGTH_MIN": PASSWORD_LENGTH_MIN,
        # The demo's and the tests' addresses end in .test, which the checker refuses unless told.
        "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False, "test_environment": True},
        "SECURITY_USER_IDENTITY_ATTRIBUTES": [{"email": {"mapper": str, "case_insensitive": False}}],
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_CHANGEABLE": True,
        "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": False,
        "SECURITY_POST_CHANGE_VIEW": "/account",
        "SECURITY_LOGOUT_METHODS": ["POST"],
        "SECURITY_API_ENABLED_METHODS": ["session"],
        "SECURITY_TWO_FACTOR": True,
        "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
        "SECURITY_TWO_FACTOR_AUTHENTICATOR_VALIDITY": 30,
        "SECURITY_TWO_FACTOR_RESCUE_EMAIL": False,
        "SECURITY_TWO_FACTOR_POST_SETUP_VIEW": "/account",
        "SECURITY_TOTP_SECRETS": {"1": settings.totp_secret},
        "SECURITY_TOTP_ISSUER": "Ganwei",
        "SECURITY_FRESHNESS": timedelta(minutes=15),
        "SECURITY_FRESHNESS_GRACE_PERIOD": timedelta(minutes=5),
        **{f"SECURITY_MSG_{name}": message for name, message in _MESSAGES.items()},
    }


_MESSAGES = {
    "GENERIC_AUTHN_FAILED": (lazy_gettext("邮箱或密码不正确"), "error"),
    "INVALID_PASSWORD": (lazy_gettext("密码不正确"), "error"),
    "PASSWORD_INVALID_LENGTH": (lazy_gettext("密码至少要有 %(length)s 个字符"), "error"),
    "PASSWORD_IS_THE_SAME": (lazy_gettext("新密码不能与原密码相同"), "error"),
    "PASSWORD_CHANGE": (lazy_gettext("密码已修改，其他设备须重新登录"), "success"),
    "RETYPE_PASSWORD_MISMATCH": (lazy_gettext("两次输入的密码不一致"), "error"),
    "INVALID_REDIRECT": (lazy_gettext("不能跳转到本站以外的地址"), "error"),
    "UNAUTHENTICATED": (lazy_gettext("请先登录"), "info"),
    "REAUTHENTICATION_REQUIRED": (lazy_gettext("为了安全，请再次输入密码"), "info"),
    "REAUTHENTICATION_SUCCESSFUL": (lazy_gettext("密码已确认"), "success"),
    "TWO_FACTOR_INVALID_TOKEN": (lazy_gettext("动态验证码不正确或已用过"), "error"),
    "TWO_FACTOR_LOGIN_SUCCESSFUL": (lazy_gettext("登录成功"), "success"),
    "TWO_FACTOR_CHANGE_METHOD_SUCCESSFUL": (lazy_gettext("双重验证已启用"), "success"),
    "TWO_FACTOR_DISABLED": (lazy_gettext("双重验证已停用"), "success"),
    "TWO_FACTOR_PERMISSION_DENIED": (lazy_gettext("请重新登录"), "info"),
    "TWO_FACTOR_METHOD_NOT_AVAILABLE": (lazy_gettext("不能使用这种验证方式"), "error"),
    "TWO_FACTOR_SETUP_EXPIRED": (lazy_gettext("设置超时，请重新开始"), "error"),
}
"""The library's Chinese catalogue lacks most of what this version shows."""


def _listen(app: Flask) -> None:
    user_logged_in.connect(_on_session_change, app)
    user_logged_out.connect(_on_session_change, app)
    user_authenticated.connect(_on_sign_in, app)
    user_failed_authn.connect(_on_failed_sign_in, app)


def _on_session_change(_sender: Flask, **_event: object) -> None:
    """Carry nothing over from one person to the next, and no form's token from before the sign-in to after it."""
    session.pop(ORGANISATION_KEY, None)
    session.pop("csrf_token", None)
    g.pop("csrf_token", None)
    forget_actor()


def _on_sign_in(_sender: Flask, *, user: User, authn_via: list[str] | None = None, **_event: object) -> None:
    audit.record(
        db.session,
        actor_for(db.session, user),
        action="user.signed_in",
        subject=f"user:{user.email}",
        address=request.remote_addr,
        via=authn_via,
    )


def _on_failed_sign_in(_sender: Flask, *, user: User, auth_type: str, **_event: object) -> None:
    log.warning("sign-in failed", user=str(user.id), what=auth_type, address=request.remote_addr)


def _no_rescue() -> ResponseReturnValue:
    abort(404)


def _send_to_sign_in(error: NotSignedIn) -> ResponseReturnValue:
    """Send a visitor's browser to the sign-in page and, after a read, back to where it wanted to go."""
    if problems.is_api_request():
        return problems.render_shop_error(error)
    target = url_for("security.login")
    if request.method == "GET":
        target += "?" + urlencode({"next": request.full_path.removesuffix("?")})
    return redirect(target, code=303)


def _keep_out_of_caches(response: Response) -> Response:
    """Leave nothing that a signed-in person saw for whoever presses Back after the sign-out."""
    if "_user_id" in session or "Authorization" in request.headers:
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _actor_for_templates() -> dict[str, Actor | None]:
    try:
        return {"actor": current_actor()}
    except SQLAlchemyError:
        # The page that says that the database is away must not need the database.
        return {"actor": None}
