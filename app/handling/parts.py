"""What every incarnation of a process is wired from."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.domain.model import Rules
from app.handling.ports import Coordinator, Outlet, Source
from app.handling.records import Clock, Decoder, Encoder
from app.settings import Settings
from app.telemetry.metrics import Metrics


@dataclass(frozen=True)
class Parts:
    settings: Settings
    lane: str
    source: Source
    coordinator: Coordinator
    outlet: Callable[[str], Outlet]
    """An outlet for an incarnation id."""
    decode: Decoder
    encoder: Encoder
    rules: Rules
    metrics: Metrics
    clock: Clock
    keep_house: Callable[[], Awaitable[None]]
    """What is due now and then: tables for the days to come. Raises RevisionError, Unavailable."""
