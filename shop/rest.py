"""What every API blueprint shares: strict arguments, problem documents in the OpenAPI text, paging."""

from collections.abc import Sequence
from typing import ClassVar

import marshmallow as ma
from flask import Flask, Response, make_response, render_template, request
from flask_smorest import Api, Blueprint
from marshmallow import fields, validate
from webargs.flaskparser import FlaskParser

from shop.problems import PROBLEM_CONTENT_TYPE
from shop.web import CONTENT_SECURITY_POLICY

MAX_PAGE_SIZE = 200

DOCS_CONTENT_SECURITY_POLICY = CONTENT_SECURITY_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
"""Swagger UI writes style attributes. Scripts stay as strict as on every other page."""


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
    app.add_url_rule("/api/v1/docs", endpoint="api_docs", view_func=api_docs)


def api_docs() -> Response:
    """Show the OpenAPI text in Swagger UI, from our own files alone."""
    response = make_response(render_template("api_docs.html"))
    response.headers["Content-Security-Policy"] = DOCS_CONTENT_SECURITY_POLICY
    return response
