"""The rows of a file, one after the other: planned, checked, sent, and how far it got kept."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from app.cli import printing
from app.cli.importing.errors_file import ErrorsFile
from app.cli.importing.events import Refused
from app.cli.importing.rows import Place, Row
from app.cli.importing.standing import Standing, write_standing
from app.errors import Unavailable

if TYPE_CHECKING:
    from app.cli.sending import Sender
    from app.cli.tenant_types import TenantTypes

SAVED_EVERY_ROWS: Final = 2000
CAUGHT_UP_SECONDS: Final = 1.0
TOLD_MAX: Final = 10
"""Refusals told on stderr; all of them stand in the file of errors."""

Event = Mapping[str, Any]


class Checks(msgspec.Struct, frozen=True):
    """What is asked before an interaction is sent."""

    types: "TenantTypes"
    refusal: Callable[[Event], str | None]
    topic_of: Callable[[Event], str]


class Import:
    """One run over a file. `standing`: where it begins; `kept_in`: where it is kept, if it is."""

    def __init__(
        self,
        planned: Callable[[Mapping[str, Any]], dict[str, Any]],
        checks: Checks,
        errors: ErrorsFile,
        standing: Standing,
        kept_in: Path | None,
    ) -> None:
        self._planned = planned
        self._checks = checks
        self._errors = errors
        self._kept_in = kept_in
        self.standing = standing
        self.first: Event | None = None
        """For a look at what a row becomes."""

    async def check(self, rows: Iterator[Row], shown: Callable[[int], None]) -> None:
        """Everything but sending."""
        async for row, event in self._events(rows):
            self._count(row.end, sent=event is not None)
            shown(row.end.offset)

    async def send(
        self,
        rows: Iterator[Row],
        to: "Sender",
        pace: Callable[[], Awaitable[None]],
        shown: Callable[[int], None],
    ) -> None:
        """Raises Unavailable, FunnelError: what is kept is then confirmed, and goes on from it."""
        unsaved = 0
        async for row, event in self._events(rows):
            if event is not None:
                await pace()
                await to.send_event(event, topic=self._checks.topic_of(event))
            self._count(row.end, sent=event is not None)
            shown(row.end.offset)
            unsaved += 1
            if unsaved >= SAVED_EVERY_ROWS:
                await self._save(to)
                unsaved = 0
        await self._save(to, is_complete=True)

    async def _events(self, rows: Iterator[Row]) -> AsyncIterator[tuple[Row, Event | None]]:
        """None: the row was refused."""
        for row in rows:
            try:
                event = await self._event(row)
            except Refused as refused:
                self._errors.add(row, str(refused))
                if self.standing.refused < TOLD_MAX or self._errors.path is None:
                    printing.note(f"row {row.end.row} refused: {refused}")
                elif self.standing.refused == TOLD_MAX:
                    printing.note(f"more are refused: see {self._errors.path}")
                event = None
            self.first = self.first or event
            yield row, event

    async def _event(self, row: Row) -> Event:
        if row.cells is None:
            raise Refused(row.wrong)
        event = self._planned(row.cells)
        tenant = event.get("tenantid")
        if tenant is None or isinstance(tenant, str):
            from app.domain.routing import DEFAULT_TENANT

            await self._checks.types.look_up(tenant or DEFAULT_TENANT)
        wrong = self._checks.refusal(event)
        if wrong is not None:
            raise Refused(wrong)
        return event

    def _count(self, end: Place, *, sent: bool) -> None:
        standing = self.standing
        self.standing = msgspec.structs.replace(
            standing,
            place=end,
            sent=standing.sent + sent,
            refused=standing.refused + (not sent),
            errors_bytes=self._errors.size,
        )

    async def _save(self, to: "Sender", *, is_complete: bool = False) -> None:
        await to.confirm()
        if self._kept_in is not None:
            self.standing = msgspec.structs.replace(self.standing, is_complete=is_complete)
            write_standing(self._kept_in, self.standing)


def pace_of(
    per_second: float | None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Callable[[], Awaitable[None]]:
    """Waits before each, so that there are no more than so many a second; None: never. What a
    pause delayed is caught up with for a second at most."""
    due = clock()

    async def pace() -> None:
        nonlocal due
        if per_second is None:
            return
        due = max(due, clock() - CAUGHT_UP_SECONDS)
        early = due - clock()
        due += 1 / per_second
        if early > 0:
            await sleep(early)

    return pace


def with_mend(away: Unavailable) -> Unavailable:
    return Unavailable(f"{away}\nrun the same again: it goes on after what Kafka has")
