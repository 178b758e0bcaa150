"""The topics as schemas/topics has them, and whether the broker agrees."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from app.domain.topics import CONTACT_LANE_INPUTS
from app.errors import TopicsError

DEFINITIONS: Final = Path(__file__).resolve().parents[2] / "schemas" / "topics"


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    partitions: int
    key: str
    description: str
    config: dict[str, str | int | float]
    producers: list[str]
    consumers: list[str]
    events: list[str]
    """Schemas of what it carries, or types of the events."""

    def settings(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.config.items()}


class Found(NamedTuple):
    """A topic as the broker has it."""

    partitions: int
    config: Mapping[str, str]
    """The effective values."""
    own: Mapping[str, str]
    """Those set on the topic itself."""


class Difference(NamedTuple):
    topic: str
    setting: str
    """`exists`, `partitions` or the name of a configuration."""
    expected: str
    found: str

    def __str__(self) -> str:
        if self.setting == "exists":
            return f"{self.topic}: does not exist"
        return f"{self.topic}: {self.setting} is {self.found}, should be {self.expected}"


def load_definitions(folder: Path = DEFINITIONS, partitions: int | None = None) -> list[Definition]:
    """By name. `partitions`: instead of what the files say, for every topic."""
    definitions = [
        msgspec.yaml.decode(path.read_bytes(), type=Definition)
        for path in sorted(folder.glob("*.yaml"))
    ]
    if not definitions:
        raise TopicsError(f"no topic definitions in {folder.name}/: is the installation complete?")
    if partitions is None:
        return definitions
    return [msgspec.structs.replace(one, partitions=partitions) for one in definitions]


async def check(admin: AIOKafkaAdminClient, definitions: Sequence[Definition]) -> list[Difference]:
    """Every way in which the broker's topics are not as defined. More partitions are none."""
    found = await read_topics(admin, [one.name for one in definitions])
    return compare(definitions, found)


def compare(definitions: Sequence[Definition], found: Mapping[str, Found]) -> list[Difference]:
    """Every topic needs a partition for each of the inputs': outputs keep the contact's home."""
    inputs = [found[name].partitions for name in CONTACT_LANE_INPUTS if name in found]
    differences = []
    for one in definitions:
        if one.name not in found:
            differences.append(Difference(one.name, "exists", "yes", "no"))
            continue
        topic = found[one.name]
        least = max(one.partitions, *inputs, 0)
        if topic.partitions < least:
            differences.append(
                Difference(one.name, "partitions", str(least), str(topic.partitions))
            )
        for name, value in one.settings().items():
            if not _is_same(topic.config.get(name), value):
                shown = topic.config.get(name, "not set")
                differences.append(Difference(one.name, name, value, shown))
    return differences


async def read_topics(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, Found]:
    """Those of the names that exist."""
    existing = set(await admin.list_topics())
    wanted = [name for name in names if name in existing]
    if not wanted:
        return {}
    described = {topic["topic"]: topic for topic in await admin.describe_topics(wanted)}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
    found = {}
    for answer in await admin.describe_configs(resources):
        for error, message, _, name, entries in answer.resources:
            if error:
                raise TopicsError(f"{name}: its configuration can't be read: {message}")
            found[name] = Found(
                len(described[name]["partitions"]),
                {entry[0]: entry[1] for entry in entries},
                {entry[0]: entry[1] for entry in entries if entry[3] == _SET_ON_TOPIC},
            )
    return found


_SET_ON_TOPIC: Final = 1
"""Configuration source DYNAMIC_TOPIC_CONFIG of the Kafka protocol."""


def _is_same(found: str | None, expected: str) -> bool:
    if found is None or found == expected:
        return found == expected
    try:
        return float(found) == float(expected)
    except ValueError:
        return False
