"""Structured logs and Prometheus metrics, set up once at a service's start."""

from __future__ import annotations

import logging
import sys

import prometheus_client
import structlog

from somersault.errors import ConfigError
from somersault.formats.strict_json import dump_json

__all__ = ["NOTICE", "serve_metrics", "set_up_command_logging", "set_up_logging", "tell_owner"]

NOTICE = "notice"
"""The field of a log line that `somersault train` shows to the user."""

# By default structlog and rich write the variables of each frame, and so tokens, keys and whole requests.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def set_up_logging(*, service: str, level: str = "info") -> None:
    """Send every log line as one JSON object to standard error, each with the service's name.

    Raises:
        ConfigError: the level is unknown.
    """
    if level not in _LEVELS:
        raise ConfigError("log_level", level, f"one of {', '.join(_LEVELS)}")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _TRACEBACKS,
            structlog.processors.JSONRenderer(serializer=dump_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)


def set_up_command_logging() -> None:
    """Log warnings and worse as text to standard error, because standard output may carry a command's result.

    Anything below, such as a store that answered on the second try, is of no use to the user of a command.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def tell_owner(text: str) -> None:
    """Log a line that `somersault train` shows at once: for what makes a run pointless, and little else."""
    structlog.get_logger().warning("told_owner", **{NOTICE: text})


def serve_metrics(*, host: str, port: int) -> None:
    """Serve ``/metrics`` from a thread of its own, which ends with the process.

    Raises:
        ConfigError: the port is taken.
    """
    try:
        prometheus_client.start_http_server(port, addr=host)
    except OSError as error:
        raise ConfigError(
            f"metrics_port {port} on {host} can't be used ({error.strerror}); choose another"
        ) from error
