"""What subscribers heard by the end of a demo: how often what, and all about one contact."""

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from app.settings import Settings

WAIT_MS: Final = 50


class Message(msgspec.Struct, frozen=True):
    seq: int
    place: int
    """Of its topic: what a stage change brings with it comes after it."""
    type: str
    """Without what all of them have in common."""
    data: dict[str, Any]


class Heard(msgspec.Struct):
    counts: Counter[str]
    about_one: list[Message]
    """In order."""
    between_lanes: int = 0
    """Commands that lanes sent each other, about linked identities."""


class _Command(msgspec.Struct):
    source: str


async def hear(settings: "Settings", key: str) -> Heard:
    """Read what is published by now. `about_one`: of the contact `key`."""
    from app.cli.reading import consumer, partitions_of
    from app.domain.topics import Topic

    topics = (Topic.STAGE_CHANGES, Topic.OPPORTUNITIES, Topic.SIGNALS, Topic.COMMANDS)
    heard = Heard(Counter(), [])
    partitions = await partitions_of(settings.kafka, topics)
    async with consumer(settings.kafka) as records:
        records.assign(partitions)
        await records.seek_to_beginning()
        ends = await records.end_offsets(partitions)
        while any([await records.position(at) < end for at, end in ends.items()]):
            for found in (await records.getmany(timeout_ms=WAIT_MS)).values():
                for record in found:
                    if record.topic == Topic.COMMANDS:
                        heard.between_lanes += from_a_lane(record)
                    else:
                        _note(heard, record, topics.index(Topic(record.topic)), key)
    heard.about_one.sort(key=lambda message: (message.seq, message.place))
    return heard


def _note(heard: Heard, record: "ConsumerRecord[bytes, bytes]", place: int, key: str) -> None:
    named = dict(record.headers)["ce_type"].decode()
    type_ = named.removeprefix("funnel.contact.").removesuffix(".v1")
    heard.counts[type_] += 1
    if record.key == key.encode():
        data = msgspec.json.decode(record.value)
        heard.about_one.append(Message(data["seq"], place, type_, data))


def from_a_lane(record: "ConsumerRecord[bytes, bytes]") -> bool:
    """Not what was only forwarded, nor sent by others: their source is their own."""
    from app.handling.origin import FORWARDED
    from app.outbound.headers import SOURCE, Header

    names = {name for name, _ in record.headers}
    if record.value is None or FORWARDED in names or Header.SOURCE in names:
        return False
    return msgspec.json.decode(record.value, type=_Command).source == SOURCE
