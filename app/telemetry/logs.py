"""Logs: one line an event on stderr, JSON off a terminal, coloured on one. No personal data.

Modules above the domain use ``structlog.get_logger()``; libraries log through the standard
library and come out in the same shape.
"""

import logging
import sys
import time
from collections.abc import Callable
from typing import Any, Final, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

PERSONAL: Final = frozenset(
    {"contact_id", "subject", "key", "value", "data", "payload", "headers"}
    | {"email", "phone", "name", "company", "user", "actor"}
)
"""Fields that may hold something about a person: masked wherever they are logged."""

_NOISY: Final = ("faust", "mode", "aiokafka", "alembic", "aiohttp.access", "asyncio")
"""Libraries that are heard from warnings on."""
AGAIN_AFTER_SECONDS: Final = 10.0


def configure(
    level: Literal["debug", "info", "warning", "error", "critical"] = "info",
    style: Literal["auto", "json", "console"] = "auto",
    *,
    is_traced: bool = False,
) -> None:
    """Set up structlog and the standard library's logging. Call once, before anything logs."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *([with_trace_ids] if is_traced else []),
        without_personal_data,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(style),
            ],
        )
    )
    handler.addFilter(is_worth_a_line)
    handler.addFilter(Seldom())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def _renderers(style: Literal["auto", "json", "console"]) -> list[Processor]:
    if style == "console" or (style == "auto" and sys.stderr.isatty()):
        # Plain tracebacks: rich ones print local variables, which may hold personal data.
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=True, exception_formatter=plain)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def without_personal_data(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask fields that may hold something about a person; the last guard, not the first."""
    masked: dict[str, Any] = {key: "(masked)" for key in event if key in PERSONAL}
    return {**event, **masked}


def with_trace_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Where a batch is traced: so that a line leads to its trace."""
    from app.telemetry.otel import current_ids

    return {**current_ids(), **event}


def is_worth_a_line(record: logging.LogRecord) -> bool:
    """False for what libraries warn about although it is the normal course.

    aiokafka: a transactional produce that comes while the broker writes the last transaction's
    markers is answered NOT_ENOUGH_REPLICAS or CONCURRENT_TRANSACTIONS and retried.
    mode: a crashed service; the shell reports it itself, once.
    """
    if "Crashed reason=" in str(record.msg):
        return False
    if record.name != "aiokafka.producer.sender" or record.levelno != logging.WARNING:
        return True
    said = record.getMessage()
    return "retrying" not in said or not ("NotEnoughReplicas" in said or "Concurrent" in said)


class Seldom:
    """Lets each of aiokafka's messages through once in a while: away brokers make it say them
    dozens of times a second, and the lane says what is the matter itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[tuple[str, str], float] = {}

    def __call__(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("aiokafka"):
            return True
        # The template, not the text: a bounded number of them, whatever they are filled with.
        key, now = (record.name, str(record.msg)), self._clock()
        if now - self._said.get(key, -AGAIN_AFTER_SECONDS) < AGAIN_AFTER_SECONDS:
            return False
        self._said[key] = now
        return True
