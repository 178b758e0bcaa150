"""Asking PostgreSQL whose timers may be due."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import asyncpg

from app.domain.interaction import Microseconds
from app.failpoints import Failpoint, hit
from app.storage import contacts
from app.storage.rows import CheckRow


class Checks(NamedTuple):
    """Both show the last apply, and raise Unavailable."""

    earliest: Callable[[Sequence[int]], Awaitable[tuple[Microseconds, dict[int, Microseconds]]]]
    """Of these partitions: its clock, and the earliest check of each that has one."""
    due: Callable[[Sequence[int], Sequence[Microseconds], int], Awaitable[list[CheckRow]]]
    """Of partitions and their horizons: who is due, at most so many of each, earliest first."""


def checks_on(connection: asyncpg.Connection) -> Checks:
    """Through a connection that nobody else uses."""

    async def earliest(
        partitions: Sequence[int],
    ) -> tuple[Microseconds, dict[int, Microseconds]]:
        hit(Failpoint.TIMERS_BEFORE_LOOK)
        return await contacts.earliest_checks(connection, partitions)

    async def due(
        partitions: Sequence[int], horizons: Sequence[Microseconds], limit: int
    ) -> list[CheckRow]:
        hit(Failpoint.TIMERS_BEFORE_DUE)
        return await contacts.due_contacts(connection, partitions, horizons, limit)

    return Checks(earliest, due)
