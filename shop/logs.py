"""Logs: one JSON object a line on standard error, in English, for operators and their machines."""

import logging
import sys

import structlog
from structlog.types import Processor

_FACTS: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)
_AS_JSON = structlog.processors.JSONRenderer(ensure_ascii=False)


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
