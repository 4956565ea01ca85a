"""API tokens: a password for a token, and a token for nothing."""

from datetime import datetime
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

from shop.db import now, transaction
from shop.identity import audit, service, tokens
from shop.identity.actor import bearer_token, require_actor, requires
from shop.identity.setup import limit_guessing
from shop.identity.signin import guard
from shop.rest import ApiBlueprint

blueprint = ApiBlueprint("identity", __name__, description="Signing in")

_LONGEST = 320


class Credentials(ma.Schema):
    """What proves who one is. `totp` is the code of the authenticator app, where one is set up."""

    email = fields.String(required=True, validate=validate.Length(1, _LONGEST))
    password = fields.String(required=True, validate=validate.Length(1, _LONGEST), load_only=True)
    totp = fields.String(validate=validate.Length(1, 20), load_only=True)


class IssuedToken(ma.Schema):
    """A bearer token. It is shown once."""

    token = fields.String(required=True)
    expires_at = fields.AwareDateTime(required=True)


@blueprint.post("/tokens")
@limit_guessing
@blueprint.arguments(Credentials)
@blueprint.response(201, IssuedToken)
@blueprint.doc(security=[])
def create_token(credentials: dict[str, Any]) -> dict[str, str | datetime]:
    """Exchange e-mail address and password for a bearer token that works for 30 days."""
    # In a transaction of its own: a guess counts whatever becomes of it.
    with transaction() as session:
        locked_until = guard.take_guess(session, credentials["email"], at=now())
    if locked_until is not None:
        raise guard.AccountLocked(locked_until)
    with transaction() as session:
        text, token = service.exchange_password(
            session,
            email=credentials["email"],
            password=credentials["password"],
            totp=credentials.get("totp"),
            at=now(),
        )
        # After it, so that here too the row of the user is locked before that of the guesses.
        guard.forgive(session, credentials["email"])
        return {"token": text, "expires_at": token.expires_at}


@blueprint.delete("/tokens/current")
@requires()
@blueprint.response(204)
def revoke_token() -> None:
    """End the token that this request carries."""
    actor = require_actor()
    with transaction() as session:
        tokens.revoke(session, bearer_token() or "", at=now())
        audit.record(session, actor, action="token.revoked", subject=f"user:{actor.email}")
