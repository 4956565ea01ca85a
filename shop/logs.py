"""Logs: one JSON object a line on standard error, in English, for operators and their machines.

Inside a request every line names the request and, once it is known, the person; so does the answer's X-Request-ID.
"""

import logging
import re
import sys
import time
from uuid import uuid4

import sqlalchemy as sa
import structlog
from flask import Flask, Response, g, has_request_context, request
from structlog.types import EventDict, Processor, WrappedLogger

REQUEST_ID_HEADER = "X-Request-ID"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
"""What is taken over from a proxy or a client; anything else is replaced, so that no line of the log can be forged."""

_NOT_TOLD = frozenset({"static", "health.healthz", "health.readyz", "metrics.metrics"})
"""Asked for all the time, by machines and by every page."""


def _name_the_request(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if has_request_context():
        event.setdefault("request_id", request_id())
        actor = (g.get("actor") or (None, None))[1]
        if actor is not None:
            event.setdefault("user_id", str(actor.user_id))
    return event


_FACTS: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    _name_the_request,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)
_AS_JSON = structlog.processors.JSONRenderer(ensure_ascii=False)

log = structlog.get_logger()


def configure() -> None:
    """Send structlog's events to standard error as JSON. Safe to call again."""
    structlog.configure(
        processors=[*_FACTS, _AS_JSON],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def adopt_libraries() -> None:
    """Send what libraries warn of through `logging` the same way, in a process whose log is ours alone."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_FACTS,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _AS_JSON],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def request_id() -> str | None:
    """Return what names the request that is being answered; None outside any."""
    if not has_request_context():
        return None
    known = g.get("request_id")
    # An application context may outlive a request, as in tests.
    if known is None or known[0] is not request.environ:
        given = request.headers.get(REQUEST_ID_HEADER, "")
        known = (request.environ, given if _REQUEST_ID.fullmatch(given) else uuid4().hex)
        g.request_id = known
    return str(known[1])


def register(app: Flask) -> None:
    """Log every request of `app` when it is answered, and tell its id to who asked."""

    @app.before_request
    def begin() -> None:
        g.began_at = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        response.headers.setdefault(REQUEST_ID_HEADER, request_id() or "")
        if request.endpoint not in _NOT_TOLD:
            log.info(
                "request",
                method=request.method,
                # The route, not the address: addresses hold what people search for.
                route=request.url_rule.rule if request.url_rule else None,
                status=response.status_code,
                milliseconds=round((time.perf_counter() - g.get("began_at", time.perf_counter())) * 1000, 1),
            )
        return response


def watch_queries(engine: sa.Engine, *, slow_ms: int) -> None:
    """Log every statement of `engine` that takes `slow_ms` or longer, without the values of its parameters."""

    @sa.event.listens_for(engine, "before_cursor_execute")
    def begin(_connection: object, _cursor: object, _text: str, _values: object, context: object, _many: bool) -> None:  # noqa: FBT001 - SQLAlchemy's signature
        if context is not None:
            context.ganwei_began_at = time.perf_counter()  # type: ignore[attr-defined] # kept for the other end

    @sa.event.listens_for(engine, "after_cursor_execute")
    def end(_connection: object, _cursor: object, text: str, _values: object, context: object, many: bool) -> None:  # noqa: FBT001 - SQLAlchemy's signature
        began_at = getattr(context, "ganwei_began_at", None)
        if began_at is None:
            return
        milliseconds = (time.perf_counter() - began_at) * 1000
        if milliseconds >= slow_ms:
            log.warning("slow query", milliseconds=round(milliseconds, 1), statement=" ".join(text.split()), many=many)
