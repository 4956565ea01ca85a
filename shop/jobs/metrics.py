"""`GET /metrics`: what an operator watches, read from the database and from all processes' counts at each scrape."""

import hmac
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

import sqlalchemy as sa
import structlog
from flask import Blueprint, Response, current_app, request
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

import ledger
from shop.config import Settings
from shop.db import db, now
from shop.errors import NotFound
from shop.jobs.schema import SELECT_FOR_TRANSACTION
from shop.operations import requests

log = structlog.get_logger()
blueprint = Blueprint("metrics", __name__)

_PATIENCE = "SET LOCAL statement_timeout = '5s'"
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via")
"""What a reverse proxy adds: with any of them the request began elsewhere, whatever address it comes from."""


@blueprint.get("/metrics")
def metrics() -> Response:
    """Tell the figures to whoever has the token; where none is set, only to a program on this machine."""
    headers = {"Cache-Control": "no-store"}
    if not _is_let_in():
        headers["WWW-Authenticate"] = "Bearer"
        return Response("A token is needed.\n", HTTPStatus.UNAUTHORIZED, headers, content_type="text/plain")
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(_Figures()), headers=headers, content_type=content_type)


def _is_let_in() -> bool:
    settings: Settings = current_app.config["SETTINGS"]
    if settings.metrics_token:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.metrics_token}".encode())
    if not _is_direct_and_local():
        raise NotFound
    return True


def _is_direct_and_local() -> bool:
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:  # a socket of this machine, behind which a proxy stands
        return False
    return address.is_loopback and not any(name in request.headers for name in _FORWARDED)


@dataclass(frozen=True)
class _Reading:
    head: ledger.Head
    jobs: list[tuple[str, str, int]]
    """Status, queue, number."""
    connections: list[tuple[str, int]]
    """State, number."""


class _Figures(Collector):
    """The figures of one scrape."""

    def collect(self) -> Iterator[Metric]:
        yield from requests.figures()
        try:
            reading = _read()
        except SQLAlchemyError as error:
            log.warning("metrics cannot be read", error=str(error))
            yield GaugeMetricFamily("ganwei_database_up", _HELP["ganwei_database_up"], value=0)
            return
        head = reading.head
        waited = 0.0 if head.oldest_waiting_at is None else (now() - head.oldest_waiting_at).total_seconds()
        figures = {
            "ganwei_database_up": 1,
            "ganwei_ledger_head_seq": head.seq,
            "ganwei_ledger_unsealed_entries": head.waiting,
            # The database's clock may be ahead of ours.
            "ganwei_ledger_seal_lag_seconds": max(0.0, waited),
        }
        for name, value in figures.items():
            yield GaugeMetricFamily(name, _HELP[name], value=value)
        jobs = GaugeMetricFamily("ganwei_jobs", _HELP["ganwei_jobs"], labels=("status", "queue"))
        for status, queue, count in reading.jobs:
            jobs.add_metric((status, queue), count)
        yield jobs
        connections = GaugeMetricFamily(
            "ganwei_database_connections", _HELP["ganwei_database_connections"], labels=("state",)
        )
        for state, count in reading.connections:
            connections.add_metric((state,), count)
        yield connections


_HELP = {
    "ganwei_database_up": "Whether the database answers and is migrated.",
    "ganwei_ledger_head_seq": "Sequence number of the last seal of the ledger.",
    "ganwei_ledger_unsealed_entries": "Committed entries that wait for their seal.",
    "ganwei_ledger_seal_lag_seconds": "Age of the oldest entry that waits for its seal; 0 when none waits.",
    "ganwei_database_connections": "The application role's connections to this database, by what they do.",
    "ganwei_jobs": "Jobs in the queue by status and queue. One that succeeded is no longer there.",
}


def _read() -> _Reading:
    with db.sessionmaker() as session:
        session.execute(sa.text(_PATIENCE))
        head = ledger.head(session)
        connections = session.execute(
            sa.text(
                "SELECT coalesce(state, 'unknown'), count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = current_user GROUP BY 1 ORDER BY 1"
            )
        ).all()
        session.execute(sa.text(SELECT_FOR_TRANSACTION))
        jobs = session.execute(
            sa.text("SELECT status::text, queue_name, count(*) FROM procrastinate_jobs GROUP BY 1, 2 ORDER BY 1, 2")
        )
        return _Reading(
            head,
            [(status, queue, count) for status, queue, count in jobs],
            [(state, count) for state, count in connections],
        )
