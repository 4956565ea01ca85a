"""How many requests were answered, how, and how fast: counted by each process and added up at the scrape.

Processes share their counts through the files of PROMETHEUS_MULTIPROC_DIR, a directory of this start of the service.
Without it a process tells its own.
"""

import os
import time
from collections.abc import Iterator

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from shop.db import db

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"

_REGISTRY = CollectorRegistry()
_SECONDS = Histogram(
    "ganwei_http_request_seconds",
    "Time to answer a request, by its route, not its address.",
    ("method", "route", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10),
    registry=_REGISTRY,
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def register(app: Flask) -> None:
    """Measure every request of `app`."""

    @app.before_request
    def begin() -> None:
        g.measured_from = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        # What nobody serves and what nobody knows is one row each: strangers must not be able to add rows.
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in _METHODS else "other"
        seconds = time.perf_counter() - g.get("measured_from", time.perf_counter())
        _SECONDS.labels(method, route, str(response.status_code)).observe(seconds)
        return response


def figures() -> Iterator[Metric]:
    """Yield what all processes have counted, and the state of this one's database connections."""
    registry = _REGISTRY
    if DIRECTORY in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library leaves it untyped
    yield from registry.collect()
    pool = db.engine.pool
    states = GaugeMetricFamily(
        "ganwei_database_pool_connections", "Connections that the answering process holds.", labels=("state",)
    )
    for state in ("checkedout", "checkedin"):
        count = getattr(pool, state, None)
        if count is not None:
            states.add_metric(("in_use" if state == "checkedout" else "idle",), count())
    yield states
