"""Seeded traffic: journeys of many contacts, interleaved, with everything that makes life hard.

Late interactions, ties, duplicates (some with another time), records off their home partition,
binary and structured events, several tenants, and poison of each reason a producer can cause.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from tests.failure.envelope import COMMANDS, EXPECTED, INTERACTIONS, home_of, routing_key
from tests.failure.journeys import ADMIN_TYPES, Step, journey

OPEN_JOURNEYS: Final = 1500
SOURCES: Final = ("https://crm.example", "https://shop.example/forms", "/mail")


class Sending(NamedTuple):
    """One record to produce."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class Traffic:
    """`sendings()` yields `interactions` records, the same ones for the same seed and `now`."""

    def __init__(self, seed: int, contacts: int, interactions: int, now: datetime) -> None:
        self.random = random.Random(seed)
        self.contacts = contacts
        self.interactions = interactions
        self.now = now
        self.partitions = 12
        self.again: list[tuple[int, Sending]] = []

    def sendings(self) -> Iterator[Sending]:
        rng = self.random
        length = max(2, self.interactions // self.contacts)
        journeys: list[Iterator[Sending]] = []
        started = produced = 0
        while produced < self.interactions:
            if self.again and self.again[0][0] <= produced:
                yield self.again.pop(0)[1]
            elif rng.random() < 0.004:
                yield self.poison(rng.choice(POISONS), produced)
            else:
                while len(journeys) < min(OPEN_JOURNEYS, self.contacts):
                    journeys.append(self.of_contact(started, length))
                    started += 1
                position = rng.randrange(len(journeys))
                sending = next(journeys[position], None)
                if sending is None:
                    journeys[position] = journeys[-1]
                    journeys.pop()
                    continue
                self.plan_copy(sending, produced)
                yield sending
            produced += 1

    def of_contact(self, number: int, length: int) -> Iterator[Sending]:
        """The records of one contact in the order they are produced."""
        rng = self.random
        tenant, contact_id = self.name(number)
        if rng.random() < 0.01:
            length *= 8  # long enough that old evidence leaves the contact's row
        steps = journey(rng, max(1, round(rng.gauss(length, length / 2))), self.now)
        order = sorted(
            range(len(steps)),
            key=lambda at: at + (rng.uniform(1, 8) if rng.random() < 0.12 else 0),
        )
        for at in order:
            yield self.event(tenant, contact_id, f"{number}-{at}", steps[at])

    def name(self, number: int) -> tuple[str, str]:
        kind = self.random.random()
        if kind < 0.05:
            return "acme", f"c-{number}"
        if kind < 0.06:
            return "default", f"crm/{number}"
        if kind < 0.07:
            return "default", f"info@firm-{number}.example"
        return "default", f"c-{number}"

    def event(self, tenant: str, contact_id: str, event_id: str, step: Step) -> Sending:
        rng = self.random
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": event_id,
            "source": rng.choice(SOURCES),
            "type": step.type,
            "subject": contact_id,
        }
        if tenant != "default":
            attributes["tenantid"] = tenant
        if step.is_automated:
            attributes["automated"] = True
        clock = rng.random()
        if clock < 0.003:
            attributes["time"] = rfc3339(datetime.now(UTC) + timedelta(seconds=60))
        elif clock > 0.01:
            attributes["time"] = rfc3339(step.time)
        is_command = step.type in ADMIN_TYPES or rng.random() < 0.02
        home = home_of(tenant, contact_id, self.partitions)
        key: bytes | None = routing_key(tenant, contact_id).encode()
        partition = home
        if not is_command and "time" in attributes and rng.random() < 0.03:
            partition = (home + rng.randrange(1, self.partitions)) % self.partitions
            key = rng.choice([None, key, b"another key"])
        topic = COMMANDS if is_command else INTERACTIONS
        return Sending(topic, partition, key, *self.encode(attributes, step.data))

    def encode(
        self, attributes: dict[str, Any], data: dict[str, Any]
    ) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
        if self.random.random() < 0.1:
            headers = [("content-type", b"application/json")]
            for name, value in attributes.items():
                text = value if isinstance(value, str) else json.dumps(value)
                headers.append((f"ce_{name}", text.encode()))
            return json.dumps(data).encode(), tuple(headers)
        return json.dumps({**attributes, "data": data}).encode(), ()

    def plan_copy(self, sending: Sending, produced: int) -> None:
        """Sometimes send the same interaction again later; at home perhaps with another time."""
        rng = self.random
        if rng.random() >= 0.05:
            return
        copy = sending
        if b'"time": "20' in copy.value and rng.random() < 0.3 and sending.topic == INTERACTIONS:
            body = json.loads(copy.value)
            if copy.partition == home_of(
                body.get("tenantid", "default"), body["subject"], self.partitions
            ):
                moved = datetime.fromisoformat(body["time"]) - timedelta(days=rng.uniform(0.1, 30))
                body["time"] = rfc3339(moved)
                copy = copy._replace(value=json.dumps(body).encode())
        self.again.append((produced + rng.choice([1, 10, 500, 5000]), copy))
        self.again.sort(key=lambda planned: planned[0])

    def poison(self, reason: str, number: int) -> Sending:
        """A record that must become a dead letter with `reason`."""
        contact_id = f"poison-{number}"
        body: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"p-{number}",
            "source": SOURCES[0],
            "type": "demo.requested",
            "subject": contact_id,
            "time": rfc3339(self.now - timedelta(days=1)),
            "data": {"product_id": "analytics"},
        }
        match reason:
            case "missing_attribute":
                del body["id"]
            case "unknown_type":
                body["type"] = "tea.served"
            case "not_allowed_here":
                body |= {"type": "contact.disqualified", "data": {"reason": "spam"}}
            case "schema_violation":
                body["data"] = {}
            case "time_out_of_range":
                body["time"] = self.random.choice(["1999-12-31T00:00:00Z", "2999-01-01T00:00:00Z"])
            case "too_large":
                body["data"]["note"] = "x" * 70_000
            case "not_a_cloudevent":
                body = {"hello": "world"}
        value = json.dumps(body).encode()
        if reason == "undecodable":
            value = value[: len(value) // 2]
        headers: tuple[tuple[str, bytes], ...] = ((EXPECTED, reason.encode()),)
        if reason != "not_a_cloudevent":
            headers += (("content-type", b"application/cloudevents+json"),)
        home = home_of("default", contact_id, self.partitions)
        return Sending(INTERACTIONS, home, contact_id.encode(), value, headers)


POISONS: Final = (
    *("undecodable", "not_a_cloudevent", "missing_attribute", "unknown_type") * 4,
    *("not_allowed_here", "schema_violation", "time_out_of_range") * 4,
    "too_large",
)


def rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
