"""An event as the record its reporting system sends: bytes, key, and where it puts it."""

import json
import zlib
from typing import Final, Literal

import msgspec

from app.domain.routing import home_partition
from app.domain.topics import Topic
from app.simulation import company
from app.simulation.journey import Event, rfc3339

COMMANDS: Final = frozenset(
    {
        *("contact.disqualified", "stage.override"),
        *("event.retracted", "privacy.erasure_requested"),
    }
)
"""Types that only the commands topic may carry."""

Placement = Literal["home", "other_partitioner", "no_key"]
_PLACEMENT: Final[dict[str, Placement]] = {
    company.CALLS: "other_partitioner",
    company.SHOP: "no_key",
}
"""Systems that do not put a contact's records on its home partition."""
_BINARY_MODE: Final = (company.MAIL, company.EVENTS)


class Delivery(msgspec.Struct, frozen=True):
    """One record to send. `subject` is for placing it; `key` is what the record says."""

    topic: str
    subject: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    placement: Placement = "home"

    def partition(self, partitions: int) -> int:
        if self.placement == "home":
            return home_partition(self.subject, partitions)
        return zlib.crc32(self.subject.encode()) % partitions


def delivery_of(event: Event) -> Delivery:
    placement = _PLACEMENT.get(event.source, "home")
    topic = Topic.COMMANDS if event.type in COMMANDS else Topic.INTERACTIONS
    headers, value = _binary(event) if event.source in _BINARY_MODE else _structured(event)
    return Delivery(
        topic=topic,
        subject=event.subject,
        key=None if placement == "no_key" else event.subject.encode(),
        value=value,
        headers=headers,
        placement=placement,
    )


def attributes_of(event: Event) -> dict[str, str | bool]:
    """Its CloudEvents attributes."""
    attributes: dict[str, str | bool] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": rfc3339(event.time),
    }
    if event.automated:
        attributes["automated"] = True
    if event.is_backfill:
        attributes["ingestmode"] = "backfill"
    if event.channel is not None:
        attributes["channel"] = event.channel
    if event.campaign is not None:
        attributes["campaignid"] = event.campaign
    return attributes


def _structured(event: Event) -> tuple[list[tuple[str, bytes]], bytes]:
    body = {**attributes_of(event), "data": event.data}
    return [("content-type", b"application/cloudevents+json")], json.dumps(body).encode()


def _binary(event: Event) -> tuple[list[tuple[str, bytes]], bytes]:
    headers = [("content-type", b"application/json")]
    for name, value in attributes_of(event).items():
        text = str(value).lower() if isinstance(value, bool) else value
        headers.append((f"ce_{name}", text.encode()))
    return headers, json.dumps(event.data).encode()
