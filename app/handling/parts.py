"""What every incarnation of a process is wired from."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import asyncpg

from app.domain.interaction import Microseconds
from app.errors import Poison
from app.handling.batch import DecidedBatch, Due, Fetched, SourceKey
from app.handling.cache import ContactCache
from app.handling.library import Library
from app.handling.ports import Coordinator, Outlet, Source
from app.handling.records import Clock
from app.settings import Settings
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Tracing

NO_TRACING: Final = Tracing()


class Deciding(Protocol):
    """Turns fetched records into batches; what differs between the lanes."""

    async def decide(self, number: int, fetched: Fetched, now: Microseconds) -> DecidedBatch:
        """Number and decide one batch. From here on every partition in it has it pending."""
        ...


@runtime_checkable
class Firing(Protocol):
    """A decider whose contacts have timers."""

    async def decide_due(self, number: int, due: Due, now: Microseconds) -> DecidedBatch:
        """As `Deciding.decide`, without records: what is due at each partition's horizon fires."""
        ...


@dataclass(frozen=True)
class Lent:
    """What an incarnation lends its decider, for as long as it lives."""

    cache: ContactCache
    connection: asyncpg.Connection
    """For loading; nobody else uses it."""
    applied_so_far: Callable[[], Awaitable[None]]
    """Wait until every batch decided up to now is in PostgreSQL."""
    rejected: Mapping[SourceKey, Poison]
    """Records that PostgreSQL refuses a row of."""


@dataclass(frozen=True)
class Parts:
    settings: Settings
    lane: str
    source: Source
    coordinator: Coordinator
    outlet: Callable[[str], Outlet]
    """An outlet for an incarnation id."""
    decider: Callable[["Parts", Lent], Deciding]
    metrics: Metrics
    clock: Clock
    keep_house: Callable[[], Awaitable[None]]
    """What is due now and then: tables for the days to come. Raises RevisionError, Unavailable."""
    tracing: Tracing = NO_TRACING
    partitions: int | None = None
    """N as this process counts homes by; None: it is not compared with the lane's row."""
    library: Library | None = None
    """Of the models that are activated; None: nothing of this lane follows them."""
