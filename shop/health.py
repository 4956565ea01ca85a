"""Two questions of a load balancer: is the process alive, and can it serve."""

from http import HTTPStatus

import sqlalchemy as sa
from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from shop.db import db

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Answer that the process is alive, whatever the database does."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Answer whether a request can be served: the database answers and its tables are there."""
    try:
        version = db.session.scalar(sa.text("SELECT version_num FROM alembic_version"))
    except SQLAlchemyError:
        return jsonify(status="unavailable", database="unreachable or not migrated"), HTTPStatus.SERVICE_UNAVAILABLE
    return jsonify(status="ok", schema=version)
