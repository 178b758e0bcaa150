"""Where the contacts of a demo are, and how warm: as a subscriber of their snapshots knows it."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer

    from app.settings import Settings

Temperatures = Mapping[str, int]
"""How many contacts are hot, warm and cold."""
WAIT_MS: Final = 20
ERASED: Final = "erased"


class Snapshot(msgspec.Struct, frozen=True):
    """What is of interest here in a record of the topic."""

    stage: str
    temperature: str
    linked_to: str | None


class Contacts:
    """The last snapshot of each contact."""

    def __init__(self) -> None:
        self._known: dict[bytes, Snapshot | None] = {}
        self._decode = msgspec.json.Decoder(Snapshot).decode

    def take(self, key: bytes, value: bytes | None) -> None:
        """None: a tombstone, the contact was erased."""
        self._known[key] = None if value is None else self._decode(value)

    def by_stage(self) -> dict[str, Temperatures]:
        """A linked identity is counted as its primary is; the erased have no temperature."""
        found: dict[str, Counter[str]] = {}
        for one in self._known.values():
            if one is None:
                found.setdefault(ERASED, Counter())[""] += 1
            elif one.linked_to is None and one.stage != "none":
                found.setdefault(one.stage, Counter())[one.temperature] += 1
        return dict(found)


class Following:
    """Contacts, brought up to date whenever asked."""

    def __init__(self, records: "AIOKafkaConsumer") -> None:
        self.contacts = Contacts()
        self._records = records

    async def look(self) -> dict[str, Temperatures]:
        """With what has come since."""
        for records in (await self._records.getmany(timeout_ms=WAIT_MS)).values():
            for record in records:
                self.contacts.take(record.key, record.value)
        return self.contacts.by_stage()

    async def catch_up(self) -> dict[str, Temperatures]:
        """With everything that is published by now."""
        ends = await self._records.end_offsets(self._records.assignment())
        while any([await self._records.position(at) < end for at, end in ends.items()]):
            await self.look()
        return self.contacts.by_stage()


@asynccontextmanager
async def following(settings: "Settings") -> AsyncIterator[Following]:
    from app.cli.reading import reader
    from app.domain.topics import Topic

    async with reader(settings.kafka, Topic.CONTACTS, from_start=True) as records:
        yield Following(records)
