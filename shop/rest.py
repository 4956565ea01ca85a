"""What every API blueprint shares: strict arguments, problem documents in the OpenAPI text, paging."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, ClassVar

import marshmallow as ma
from flask import Flask, Response, render_template, request
from flask_smorest import Api, Blueprint
from marshmallow import fields, validate
from webargs.flaskparser import FlaskParser

from shop.problems import PROBLEM_CONTENT_TYPE

MAX_PAGE_SIZE = 200


class ProblemSchema(ma.Schema):
    """An RFC 9457 problem document."""

    type = fields.String()
    title = fields.String()
    status = fields.Integer()
    detail = fields.String()
    instance = fields.String()
    errors = fields.List(fields.Dict())


class ProblemApi(Api):  # type: ignore[misc]  # flask-smorest ships no types
    """flask-smorest whose errors are rendered by `shop.problems`."""

    ERROR_SCHEMA = ProblemSchema

    def _register_error_handlers(self) -> None:
        """Leave the errors to `shop.problems.register`."""

    def _register_responses(self) -> None:
        """Describe errors by the type that they have; answers keep theirs."""
        self.DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM_CONTENT_TYPE
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE

    def tell_what_may_happen(self, app: Flask) -> None:
        """Describe every refusal of every operation, and the key that a write takes; nothing else may be answered."""
        answers = {
            str(int(status)): self._problem_response(status, text) for status, text in _PROBLEM_DESCRIPTIONS.items()
        }
        for name, answer in answers.items():
            self.spec.components.responses[f"PROBLEM_{name}"] = answer
        for rule in app.url_map.iter_rules():
            operations = self.spec._paths.get(_spec_path(rule.rule), {})  # noqa: SLF001 - apispec has no door to them
            view = app.view_functions[rule.endpoint]
            for method in (rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}:
                operation = operations.get(method.lower())
                if operation is not None:
                    _complete(operation, view, method=method, has_parts=bool(rule.arguments))

    def _problem_response(self, status: HTTPStatus, description: str) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "description": description,
            "content": {PROBLEM_CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        if status is HTTPStatus.UNAUTHORIZED:
            answer["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
        return answer


_PROBLEM_DESCRIPTIONS = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read.",
    HTTPStatus.UNAUTHORIZED: "Nobody is signed in: the token is missing, unknown or has ended.",
    HTTPStatus.FORBIDDEN: "The person's roles do not permit this.",
    HTTPStatus.NOT_FOUND: "There is no such thing, or it belongs to somebody else.",
    HTTPStatus.CONFLICT: "The present state does not permit this.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The input is malformed; `errors` names each field.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many attempts.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database cannot be reached, or gave up waiting; nothing was changed.",
}


def _spec_path(rule: str) -> str:
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule)


def _complete(operation: dict[str, Any], view: object, *, method: str, has_parts: bool) -> None:
    """Add the refusals that an operation may answer, in place of a default that would permit anything."""
    is_write = method != "GET"
    is_guarded = operation.get("security") != []
    has_input = bool(operation.get("parameters") or operation.get("requestBody"))
    statuses = {
        HTTPStatus.BAD_REQUEST: is_write,
        HTTPStatus.UNAUTHORIZED: is_guarded or is_write,
        HTTPStatus.FORBIDDEN: is_guarded or is_write,
        HTTPStatus.NOT_FOUND: has_parts or is_write,
        HTTPStatus.CONFLICT: is_write,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: is_write,
        HTTPStatus.UNPROCESSABLE_ENTITY: is_write or has_parts or has_input,
        HTTPStatus.TOO_MANY_REQUESTS: not is_guarded and is_write,
        HTTPStatus.SERVICE_UNAVAILABLE: True,
    }
    responses = operation["responses"]
    responses.pop("default", None)
    for status, may_be in statuses.items():
        if may_be:
            responses[str(int(status))] = {"$ref": f"#/components/responses/PROBLEM_{int(status)}"}
    if hasattr(view, "is_idempotent"):
        operation.setdefault("parameters", []).append(_KEY_PARAMETER)


_KEY_PARAMETER = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "Names this write. Sent again with the same key it gets the first answer and has no second effect.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
}


class StrictParser(FlaskParser):  # type: ignore[misc]  # webargs' parser is untyped to mypy here
    """Refuses unknown fields in the query too, where webargs ignores them by default."""

    DEFAULT_UNKNOWN_BY_LOCATION: ClassVar[dict[str, str | None]] = {
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": ma.RAISE,
        "query_string": ma.RAISE,
        "json": ma.RAISE,
        "form": ma.RAISE,
        "files": ma.RAISE,
    }


class ApiBlueprint(Blueprint):  # type: ignore[misc]  # flask-smorest ships no types
    """A blueprint of `/api/v1`."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, name: str, import_name: str, *, description: str) -> None:
        """Mount the blueprint under the API's prefix; its name with a capital heads its part of the documentation."""
        super().__init__(name.capitalize(), import_name, url_prefix="/api/v1", description=description)


class PageQuery(ma.Schema):
    """The query of a list; a list's own filters extend it."""

    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=1_000_000))
    page_size = fields.Integer(load_default=20, validate=validate.Range(min=1, max=MAX_PAGE_SIZE))


def page_headers(*, page: int, page_size: int, total: int) -> dict[str, str]:
    """Return the `X-Pagination` header of one page of a list of `total` items."""
    pages = max(1, -(-total // page_size))
    values = {"total": total, "total_pages": pages, "page": page, "page_size": page_size}
    body = ", ".join(f'"{name}": {value}' for name, value in values.items())
    return {"X-Pagination": "{" + body + "}"}


def register(app: Flask, blueprints: Sequence[Blueprint]) -> None:
    """Mount the API: OpenAPI at `/api/v1/openapi.json`, browsable at `/api/v1/docs`."""

    @app.after_request
    def mark_demo(response: Response) -> Response:
        if app.config["SETTINGS"].demo and request.path.startswith("/api/"):
            response.headers["X-Ganwei-Data"] = "demo"
        return response

    app.config.update(
        API_TITLE="Ganwei",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api/v1",
        OPENAPI_JSON_PATH="openapi.json",
    )
    api = ProblemApi(app)
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    api.spec.options["security"] = [{"bearer": []}]
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    api.tell_what_may_happen(app)
    app.add_url_rule("/api/v1/docs", endpoint="api_docs", view_func=api_docs)


def api_docs() -> str:
    """Show the OpenAPI text in Swagger UI, from our own files alone."""
    return render_template("api_docs.html")
