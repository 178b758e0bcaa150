"""Making the broker's topics what schemas/topics says: creates, mends, never deletes or shrinks."""

import asyncio
from collections.abc import Sequence
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
    differences = compare(definitions, await read_topics(admin, [one.name for one in definitions]))
    missing = {difference.topic for difference in differences if difference.setting == "exists"}
    if missing:
        await _create(admin, [one for one in definitions if one.name in missing])
    few = [difference for difference in differences if difference.setting == "partitions"]
    if is_growing and few:
        await _grow(admin, few)
    drifted = [d for d in differences if d.setting not in ("exists", "partitions")]
    if drifted:
        await _mend(admin, definitions, {difference.topic for difference in drifted})
    await _visible(admin, [one.name for one in definitions])
    return Report(sorted(missing), drifted, few if is_growing else [], [] if is_growing else few)


async def _create(admin: AIOKafkaAdminClient, definitions: Sequence[Definition]) -> None:
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
    for topic, code, *message in answer.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise TopicsError(f"{topic}: can't be created: {_why(code, message)}")


async def _grow(admin: AIOKafkaAdminClient, few: Sequence[Difference]) -> None:
    await admin.create_partitions(
        {difference.topic: NewPartitions(int(difference.expected)) for difference in few}
    )


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


async def _visible(admin: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    """A broker knows a new topic, and who leads it, some moments after its controller does."""
    try:
        async with asyncio.timeout(VISIBLE_TIMEOUT_SECONDS):
            while not await _are_led(admin, names):  # noqa: ASYNC110 - there is nothing to wait on
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Unavailable(
            f"new topics have no leader after {VISIBLE_TIMEOUT_SECONDS:g} s: is every broker up?"
        ) from None


async def _are_led(admin: AIOKafkaAdminClient, names: Sequence[str]) -> bool:
    if not set(names) <= set(await admin.list_topics()):
        return False
    described = await admin.describe_topics(list(names))
    return all(
        topic["error_code"] == 0
        and topic["partitions"]
        and all(partition["error_code"] == 0 for partition in topic["partitions"])
        for topic in described
    )


def _why(code: int, message: Sequence[str | None]) -> str:
    return (message[0] if message else None) or for_code(code).__name__
