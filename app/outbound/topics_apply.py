"""Making the broker's topics what schemas/topics says: creates, mends, never deletes or shrinks."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from app.errors import TopicsError, Unavailable
from app.outbound.topics import Definition, Difference, compare, read_topics

REPLICATION_FACTOR_MAX: Final = 3
VISIBLE_TIMEOUT_SECONDS: Final = 10.0


class Report(NamedTuple):
    created: list[str]
    mended: list[Difference]
    """Configurations that were set back."""
    grown: list[Difference]
    """Topics that got more partitions."""
    left: list[Difference]
    """What still differs: too few partitions, and nobody asked for more."""


async def apply(
    admin: AIOKafkaAdminClient, definitions: Sequence[Definition], *, is_growing: bool = False
) -> Report:
    """Afterwards every topic exists and is visible. TopicsError where the broker refuses.

    `is_growing`: give topics the partitions they lack. Contacts stay where they are, for the
    lane's N is recorded (`funnel lane resize` changes it), but no topic can ever shrink again.
    """
    names = [one.name for one in definitions]
    found = await read_topics(admin, names)
    created = await _create(admin, [one for one in definitions if one.name not in found])
    await _visible(admin, dict.fromkeys(names, 1))
    differences = compare(definitions, await read_topics(admin, names))
    few = [difference for difference in differences if difference.setting == "partitions"]
    drifted = [difference for difference in differences if difference.setting != "partitions"]
    if is_growing and few:
        await _grow(admin, {difference.topic: int(difference.expected) for difference in few})
    if drifted:
        await _mend(admin, definitions, {difference.topic for difference in drifted})
    return Report(created, drifted, few if is_growing else [], [] if is_growing else few)


async def _create(admin: AIOKafkaAdminClient, definitions: Sequence[Definition]) -> list[str]:
    """Those it created: another may have been faster."""
    if not definitions:
        return []
    brokers = len((await admin.describe_cluster())["brokers"])
    replicas = min(brokers, REPLICATION_FACTOR_MAX)
    # One replica may be away and writes go on; what was acknowledged is on two.
    in_sync = {"min.insync.replicas": str(replicas - 1)} if replicas > 2 else {}
    answer = await admin.create_topics(
        [
            NewTopic(
                one.name, one.partitions, replicas, topic_configs={**one.settings(), **in_sync}
            )
            for one in definitions
        ]
    )
    created = []
    for topic, code, *message in answer.topic_errors:
        if code == 0:
            created.append(topic)
        elif code != TopicAlreadyExistsError.errno:
            raise TopicsError(f"{topic}: can't be created: {_why(code, message)}")
    return sorted(created)


async def _grow(admin: AIOKafkaAdminClient, partitions: Mapping[str, int]) -> None:
    await admin.create_partitions({name: NewPartitions(n) for name, n in partitions.items()})
    await _visible(admin, partitions)


async def _mend(
    admin: AIOKafkaAdminClient, definitions: Sequence[Definition], names: set[str]
) -> None:
    """The request replaces all that is set on a topic: what others set has to go along."""
    found = await read_topics(admin, sorted(names))
    resources = [
        ConfigResource(
            ConfigResourceType.TOPIC, one.name, {**found[one.name].own, **one.settings()}
        )
        for one in definitions
        if one.name in names
    ]
    for answer in await admin.alter_configs(resources):
        for code, message, _, name in answer.resources:
            if code:
                raise TopicsError(f"{name}: can't be configured: {_why(code, [message])}")


async def _visible(admin: AIOKafkaAdminClient, partitions: Mapping[str, int]) -> None:
    """A broker knows what is new, and who leads it, some moments after its controller does."""
    try:
        async with asyncio.timeout(VISIBLE_TIMEOUT_SECONDS):
            while not await _are_led(admin, partitions):  # noqa: ASYNC110 - nothing to wait on
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Unavailable(
            f"new topics have no leader after {VISIBLE_TIMEOUT_SECONDS:g} s: is every broker up?"
        ) from None


async def _are_led(admin: AIOKafkaAdminClient, partitions: Mapping[str, int]) -> bool:
    if not set(partitions) <= set(await admin.list_topics()):
        return False
    return all(
        len(topic["partitions"]) >= partitions[topic["topic"]]
        and not any(partition["error_code"] for partition in topic["partitions"])
        for topic in await admin.describe_topics(list(partitions))
    )


def _why(code: int, message: Sequence[str | None]) -> str:
    return (message[0] if message else None) or for_code(code).__name__
