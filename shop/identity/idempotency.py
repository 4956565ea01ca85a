"""The same write twice has one effect: the first answer is stored in the commit of its effect and given again."""

import hashlib
import json
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from http import HTTPStatus
from typing import ParamSpec
from uuid import UUID

import sqlalchemy as sa
from flask import Response, current_app, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext
from markupsafe import Markup
from sqlalchemy.orm import Session

from shop.db import transaction
from shop.errors import FieldError, InvalidInput, NotAllowed, ShopError
from shop.identity.actor import Actor, current_actor
from shop.identity.models import Role, StoredAnswer
from shop.problems import is_api_request

P = ParamSpec("P")

HEADER = "Idempotency-Key"
FORM_FIELD = "once"
REPLAYED_HEADER = "Idempotency-Replayed"
KEPT = timedelta(days=7)
"""How long a repeat gets the first answer. After that a key is as good as new, so clients do not use one twice."""

FORGET_BATCH = 10_000

_KEY_SHAPE = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)
_NOT_PART_OF_THE_REQUEST = {"csrf_token", FORM_FIELD}


class RequestRunning(ShopError):
    """The same request is still being worked on."""

    code = "request-running"
    title = lazy_gettext("同一请求正在处理，请稍候再试")


class KeyReused(ShopError):
    """The key was used for another request."""

    status = 422
    code = "idempotency-key-reused"
    title = lazy_gettext("这个幂等键已用于另一个请求")


class FormSentBefore(KeyReused):
    """The same to a person: this form was taken already, with other content."""

    title = lazy_gettext("这份表单已经提交过")


def idempotent(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Give a repeat of a write its first answer, without a second effect.

    Put it directly under the route decorator. It opens the outer transaction, which the view's own joins, so effect
    and stored answer commit together. Without a key, or without somebody signed in, the view just runs. Refusals are
    not stored: an API answer is kept when it succeeded, a page's when it redirects.
    """
    roles: tuple[Role, ...] = getattr(view, "required_roles", ())

    @wraps(view)
    def once(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        key = _key()
        actor = current_actor()
        if key is None or actor is None:
            return view(*args, **kwargs)
        if roles and not actor.has(*roles):
            # Who lost the role does not get the answer again either.
            raise NotAllowed
        fingerprint = _fingerprint(actor)
        with transaction() as session:
            _lock(session, actor.user_id, key)
            stored = session.get(StoredAnswer, (actor.user_id, key))
            if stored is not None:
                return _replay(stored, fingerprint)
            response = current_app.make_response(view(*args, **kwargs))
            if _is_kept(response):
                session.add(_answer(response, user_id=actor.user_id, key=key, fingerprint=fingerprint))
            return response

    once.is_idempotent = True  # type: ignore[attr-defined]  # a function's own attribute, which `wraps` copies upwards
    return once


def forget_old_answers(session: Session, *, at: datetime) -> int:
    """Delete the answers that nobody repeats any more, one transaction's worth. Returns how many went."""
    old = sa.select(StoredAnswer.user_id, StoredAnswer.key).where(StoredAnswer.created_at < at - KEPT)
    batch = old.order_by(StoredAnswer.created_at).limit(FORGET_BATCH)
    key = sa.tuple_(StoredAnswer.user_id, StoredAnswer.key)
    gone = session.execute(
        sa.delete(StoredAnswer).where(key.in_(batch)).returning(StoredAnswer.key),
        execution_options={"synchronize_session": False},
    )
    return len(gone.all())


def once_field() -> Markup:
    """Return a hidden field with a new token, which makes sending this form twice harmless."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FORM_FIELD, secrets.token_urlsafe(16))


def _key() -> str | None:
    key = request.headers.get(HEADER) if is_api_request() else request.form.get(FORM_FIELD)
    if key is None or _KEY_SHAPE.fullmatch(key):
        return key
    message = str(lazy_gettext("须为 1 至 200 个可见的 ASCII 字符"))
    raise InvalidInput(errors=(FieldError(HEADER if is_api_request() else FORM_FIELD, message),))


def _lock(session: Session, user_id: UUID, key: str) -> None:
    """Take the key until this transaction ends; in PostgreSQL, so that it holds across processes and machines."""
    digest = hashlib.sha256(f"idempotency:{user_id}:{key}".encode()).digest()
    number = int.from_bytes(digest[:8], signed=True)
    if not session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(sa.literal(number, sa.BigInteger)))):
        raise RequestRunning


def _fingerprint(actor: Actor) -> str:
    """Return a hash of what was asked and for whom; for another organisation it is another request."""
    digest = hashlib.sha256()
    for part in (str(actor.organisation_id), request.method, request.path, request.query_string.decode(), _body()):
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8))
        digest.update(encoded)
    return digest.hexdigest()


def _body() -> str:
    """Return the body in one canonical form: neither spacing nor a multipart boundary makes another request."""
    if request.is_json:
        data = request.get_data(cache=True)
        parsed = request.get_json(silent=True)
        return data.decode("utf-8", "replace") if parsed is None else json.dumps(parsed, sort_keys=True)
    fields = [(name, value) for name, value in request.form.items(multi=True) if name not in _NOT_PART_OF_THE_REQUEST]
    files = []
    for name, file in request.files.items(multi=True):
        # A file may be larger than memory.
        files.append((name, file.filename, hashlib.file_digest(file, "sha256").hexdigest()))
        file.seek(0)
    if fields or files:
        return json.dumps([sorted(fields, key=lambda field: field[0]), files])
    return hashlib.sha256(request.get_data(cache=True)).hexdigest()


def _is_kept(response: Response) -> bool:
    if is_api_request():
        return response.status_code < HTTPStatus.BAD_REQUEST
    # A page that answers a form without redirecting shows the form again, to be corrected and sent again.
    return HTTPStatus.MULTIPLE_CHOICES <= response.status_code < HTTPStatus.BAD_REQUEST


def _answer(response: Response, *, user_id: UUID, key: str, fingerprint: str) -> StoredAnswer:
    return StoredAnswer(
        user_id=user_id,
        key=key,
        request_hash=fingerprint,
        status=response.status_code,
        body=response.get_data(as_text=True),
        content_type=response.headers.get("Content-Type", ""),
        location=response.headers.get("Location"),
    )


def _replay(stored: StoredAnswer, fingerprint: str) -> Response:
    if stored.request_hash != fingerprint:
        if is_api_request():
            raise KeyReused
        raise FormSentBefore(lazy_gettext("这份表单已经提交过，内容却不同。请刷新页面后重新填写。"))
    response = Response(stored.body, stored.status, content_type=stored.content_type)
    if stored.location is not None:
        response.headers["Location"] = stored.location
    response.headers[REPLAYED_HEADER] = "true"
    return response
