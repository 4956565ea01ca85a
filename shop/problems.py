"""One renderer for everything that goes wrong: RFC 9457 problem documents for the API, a page for browsers."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from werkzeug.exceptions import HTTPException, InternalServerError

from ledger import LedgerError
from shop.errors import FieldError, NotAllowed, NotFound, NotSignedIn, ShopError
from shop.messages import translated

log = structlog.get_logger()

API_PREFIX = "/api/"
PROBLEM_CONTENT_TYPE = "application/problem+json"
PROBLEM_TYPE = "https://ganwei.example/problems/"
"""Names a kind of problem. It is an identifier, not a page: a client compares it and need not fetch it."""


def is_api_request() -> bool:
    """Tell whether the request came to the API, and so gets JSON whatever it accepts."""
    return request.path.startswith(API_PREFIX)


def register(app: Flask) -> None:
    """Render every error of `app` here."""
    app.register_error_handler(ShopError, render_shop_error)
    app.register_error_handler(LedgerError, render_ledger_error)
    app.register_error_handler(CSRFError, render_csrf_error)
    app.register_error_handler(HTTPException, render_http_error)
    app.register_error_handler(OperationalError, render_database_error)
    app.register_error_handler(Exception, render_unexpected)


def render(
    status: int,
    *,
    code: str,
    title: str,
    detail: str = "",
    errors: tuple[FieldError, ...] = (),
) -> ResponseReturnValue:
    """Render one problem for whoever asked."""
    if not is_api_request():
        return _page(status, title=title, detail=detail, errors=errors), status
    problem: dict[str, Any] = {
        "type": PROBLEM_TYPE + code,
        "title": title,
        "status": status,
        "detail": detail or title,
        "instance": request.path,
        "errors": [error.as_dict() for error in errors],
    }
    response = jsonify(problem)
    response.status_code = status
    response.content_type = PROBLEM_CONTENT_TYPE
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _page(status: int, *, title: str, detail: str, errors: tuple[FieldError, ...]) -> str | Response:
    try:
        return render_template("error.html", status=status, title=title, detail=detail, errors=errors)
    except SQLAlchemyError:
        # The frame asks the database who is signed in. Where that is what failed, the words have to do.
        return Response(f"{title}\n\n{detail}\n", content_type="text/plain; charset=utf-8")


def render_shop_error(error: ShopError) -> ResponseReturnValue:
    """Render an expected refusal of the shop."""
    return render(
        error.status,
        code=error.code,
        title=str(error.title),
        detail=str(error.detail),
        errors=error.errors,
    )


def render_ledger_error(error: LedgerError) -> ResponseReturnValue:
    """Render a refusal of the ledger that no service turned into words of its own."""
    log.warning("ledger refused", error=str(error))
    return render(
        HTTPStatus.CONFLICT,
        code="ledger-refused",
        title=gettext("账本拒绝了这笔记录"),
        detail=str(error),
    )


def render_csrf_error(error: CSRFError) -> ResponseReturnValue:
    """Render a form whose token is missing or too old."""
    log.info("csrf refused", reason=error.description)
    return render(
        HTTPStatus.BAD_REQUEST,
        code="form-expired",
        title=gettext("页面已过期"),
        detail=gettext("请返回上一页，刷新后重新提交；您填写的内容没有被保存。"),
    )


def render_http_error(error: HTTPException) -> ResponseReturnValue:
    """Render what Flask, webargs or a view aborts with."""
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if not status >= HTTPStatus.BAD_REQUEST:
        return error
    known = {
        HTTPStatus.NOT_FOUND: NotFound,
        HTTPStatus.UNAUTHORIZED: NotSignedIn,
        HTTPStatus.FORBIDDEN: NotAllowed,
    }.get(HTTPStatus(status))
    messages = getattr(error, "data", {}).get("messages", {})
    titles = {
        HTTPStatus.UNPROCESSABLE_ENTITY: gettext("填写的内容有误"),
        HTTPStatus.METHOD_NOT_ALLOWED: gettext("此处不接受这种请求"),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: gettext("上传的内容太大"),
        HTTPStatus.TOO_MANY_REQUESTS: gettext("操作太频繁，请稍后再试"),
        HTTPStatus.BAD_REQUEST: gettext("请求的格式有误"),
    }
    return render(
        status,
        code=known.code if known else HTTPStatus(status).phrase.lower().replace(" ", "-"),
        title=str(known.title) if known else titles.get(HTTPStatus(status), error.name),
        errors=tuple(_fields(messages)),
    )


def render_database_error(error: OperationalError) -> ResponseReturnValue:
    """Render a database that cannot be reached, or that gave up waiting for a lock."""
    log.error("database unavailable", error=str(error.orig))
    return render(
        HTTPStatus.SERVICE_UNAVAILABLE,
        code="database-unavailable",
        title=gettext("系统繁忙"),
        detail=gettext("暂时无法读写数据，请稍后重试；这次提交没有生效。"),
    )


def render_unexpected(error: Exception) -> ResponseReturnValue:
    """Render a defect of ours: logged in full, told without detail."""
    log.error("unexpected error", exc_info=error, path=request.path)
    status = InternalServerError.code
    return render(
        status,
        code="internal-error",
        title=gettext("系统出错了"),
        detail=gettext("这是我们的问题，已经记录。请稍后重试。"),
    )


def _fields(messages: object, path: str = "") -> Iterator[FieldError]:
    """Flatten marshmallow's nested messages into one error a field; a location such as `json` is left out."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            is_location = not path and name in {"json", "query", "form", "files", "headers"}
            yield from _fields(inner, path if is_location else f"{path}.{name}".removeprefix("."))
    elif isinstance(messages, list):
        for message in messages:
            yield FieldError(path, translated(str(message)))
