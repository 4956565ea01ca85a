"""Signing in: flask-security, forgery protection and the limit on guessing, as this shop needs them."""

from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

from flask import Flask, Response, abort, current_app, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_security import FSQLALiteUserDatastore, RoleMixin, Security
from flask_security.totp import Totp
from flask_wtf.csrf import CSRFProtect
from sqlalchemy.exc import SQLAlchemyError

from shop import problems
from shop.config import Settings
from shop.db import db
from shop.errors import NotSignedIn
from shop.identity.actor import Actor, current_actor
from shop.identity.idempotency import once_field
from shop.identity.models import User
from shop.identity.pages import own_path
from shop.identity.service import PASSWORD_LENGTH_MIN, demo_logins
from shop.identity.signin import forms, hooks, words
from shop.identity.signin.mails import OutboxMail

limiter = Limiter(get_remote_address, storage_uri="memory://", headers_enabled=True)

GUESSING = (
    "security.login",
    "security.two_factor_token_validation",
    "security.verify",
    "security.change_password",
    "security.register",
    "security.send_confirmation",
    "security.forgot_password",
    "security.reset_password",
)
"""Pages that take a secret which somebody might guess, or that send a mail."""


def _guesses() -> str:
    return str(current_app.config["SETTINGS"].password_guesses)


limit_guessing = limiter.shared_limit(_guesses, scope="password", methods=["POST"])
"""One budget for all doors, so that a guesser does not get it again at each."""


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
        """Return the time step of the last accepted code, once no other request is checking one.

        Of two requests with one code the second waits here, and then finds the code used.
        """
        db.session.refresh(user, ["tf_last_counter"], with_for_update={"key_share": True})
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
        login_form=forms.LoginForm,
        register_form=forms.RegisterForm,
        forgot_password_form=forms.ForgotPasswordForm,
        send_confirmation_form=forms.SendConfirmationForm,
        two_factor_setup_form=forms.TotpSetupForm,
        two_factor_verify_code_form=forms.TotpForm,
        two_factor_rescue_form=forms.NoRescueForm,
        totp_cls=SingleUseTotp,
        mail_util_cls=OutboxMail,
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
    app.after_request(_stay_on_the_site)
    app.context_processor(_actor_for_templates)
    app.add_template_global(once_field)
    hooks.register(app)


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
        "SECURITY_REGISTERABLE": True,
        "SECURITY_POST_REGISTER_VIEW": "/login",
        "SECURITY_CONFIRMABLE": True,
        "SECURITY_CONFIRM_EMAIL_WITHIN": timedelta(days=3),
        "SECURITY_RECOVERABLE": True,
        "SECURITY_RESET_PASSWORD_WITHIN": timedelta(hours=1),
        # A mail is one template of ours, which `OutboxMail` renders.
        "SECURITY_EMAIL_PLAINTEXT": False,
        "SECURITY_EMAIL_HTML": False,
        **{f"SECURITY_{name}": template for name, template in _MAILS.items()},
        "SECURITY_CHANGEABLE": True,
        "SECURITY_POST_CHANGE_VIEW": "/account",
        "SECURITY_LOGOUT_METHODS": ["POST"],
        "SECURITY_API_ENABLED_METHODS": ["session"],
        # Said without a value: the library's own default comes out as `no-store=True`, which no browser knows.
        "SECURITY_CACHE_CONTROL": {"no-store": None},
        "SECURITY_TWO_FACTOR": True,
        "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
        "SECURITY_TWO_FACTOR_AUTHENTICATOR_VALIDITY": 30,
        "SECURITY_TWO_FACTOR_RESCUE_EMAIL": False,
        "SECURITY_TWO_FACTOR_POST_SETUP_VIEW": "/account",
        "SECURITY_TOTP_SECRETS": {"1": settings.totp_secret},
        "SECURITY_TOTP_ISSUER": "Ganwei",
        "SECURITY_FRESHNESS": timedelta(minutes=15),
        "SECURITY_FRESHNESS_GRACE_PERIOD": timedelta(minutes=5),
        **{f"SECURITY_MSG_{name}": message for name, message in words.MESSAGES.items()},
    }


_MAILS = {
    "REGISTER_EMAIL_TEMPLATE": "welcome",
    "REGISTER_EMAIL_EXISTING_TEMPLATE": "welcome_existing",
    "EMAIL_TEMPLATE_CONFIRM": "confirm",
    "EMAIL_TEMPLATE_PASSWORD_RESET": "reset",
    "EMAIL_TEMPLATE_PASSWORD_RESET_NOTICE": "reset_notice",
    "EMAIL_TEMPLATE_PASSWORD_CHANGE_NOTICE": "change_notice",
}
"""Our template of each mail, by the library's name for it."""


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


def _stay_on_the_site(response: Response) -> Response:
    """Let no step of a sign-in lead to what our own pages would refuse; the library reads addresses less strictly."""
    if request.blueprint == "security" and response.location:
        response.location = own_path(response.location)
    return response


def _actor_for_templates() -> dict[str, Actor | None]:
    try:
        return {"actor": current_actor()}
    except SQLAlchemyError:
        # The page that says that the database is away must not need the database.
        return {"actor": None}
