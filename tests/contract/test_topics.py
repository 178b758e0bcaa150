"""schemas/topics is what the contract says, and a broker becomes what schemas/topics says."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from app.domain.topics import CONTACT_LANE_INPUTS, Topic
from app.outbound.headers import EventType
from app.outbound.topics import Definition, Difference, Found, check, compare, load_definitions
from app.outbound.topics_apply import apply
from app.runtime.embedded.stack import EmbeddedStack

DEFINITIONS = {one.name: one for one in load_definitions()}
DAY_MS = 86_400_000


def test_every_topic_has_a_definition_and_every_definition_a_topic() -> None:
    assert set(DEFINITIONS) == set(Topic)


@pytest.mark.parametrize(
    ("topic", "cleanup", "retention_days", "timestamps"),
    [
        (Topic.INTERACTIONS, "delete", 30, "LogAppendTime"),
        (Topic.COMMANDS, "delete", 30, "LogAppendTime"),
        (Topic.STAGE_CHANGES, "delete", 30, "CreateTime"),
        (Topic.OPPORTUNITIES, "delete", 30, "CreateTime"),
        (Topic.CONTACTS, "compact", None, "CreateTime"),
        (Topic.SIGNALS, "delete", 7, "CreateTime"),
        (Topic.ACCOUNT_INPUTS, "delete", 30, "LogAppendTime"),
        (Topic.ACCOUNTS, "delete", 30, "CreateTime"),
        (Topic.DEAD_LETTERS, "delete", 28, "CreateTime"),
    ],
)
def test_topic_is_kept_as_the_contract_says(
    topic: Topic, cleanup: str, retention_days: int | None, timestamps: str
) -> None:
    config = DEFINITIONS[topic].config
    assert config["cleanup.policy"] == cleanup
    assert config.get("retention.ms") == (retention_days and retention_days * DAY_MS)
    assert config["message.timestamp.type"] == timestamps


def test_all_topics_have_the_same_number_of_partitions() -> None:
    assert {one.partitions for one in DEFINITIONS.values()} == {12}


def test_every_event_type_is_on_exactly_one_topic() -> None:
    carried = [event for one in DEFINITIONS.values() for event in one.events]
    assert {type_.value for type_ in EventType} <= set(carried)
    assert all(carried.count(type_) == 1 for type_ in EventType)


def found(**partitions: int) -> dict[str, Found]:
    """All topics as defined, but for the partitions of some."""
    return {
        one.name: Found(partitions.get(Topic(one.name).name, 12), one.settings(), {})
        for one in DEFINITIONS.values()
    }


def test_topics_as_defined_do_not_differ() -> None:
    assert compare(list(DEFINITIONS.values()), found()) == []


def test_inputs_with_different_counts_differ() -> None:
    assert Difference(Topic.COMMANDS, "partitions", "24", "12") in compare(
        [DEFINITIONS[name] for name in CONTACT_LANE_INPUTS], found(INTERACTIONS=24)
    )


def test_outputs_need_a_partition_for_each_of_the_inputs() -> None:
    differences = compare(
        list(DEFINITIONS.values()), found(INTERACTIONS=24, COMMANDS=24, CONTACTS=36)
    )
    assert {difference.topic for difference in differences} == (
        set(Topic) - {*CONTACT_LANE_INPUTS, Topic.CONTACTS}
    )


@pytest.fixture
async def admin(stack: EmbeddedStack) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await client.start()
    yield client
    await client.close()


def renamed(suffix: str, partitions: int = 3) -> list[Definition]:
    """Tests share one broker: topics of this test's own."""
    return [
        msgspec.structs.replace(one, name=f"{one.name}-{suffix}", partitions=partitions)
        for one in DEFINITIONS.values()
    ]


async def test_apply_creates_what_is_missing_and_the_check_is_content(
    admin: AIOKafkaAdminClient, unique: str
) -> None:
    definitions = renamed(unique)
    assert {d.setting for d in await check(admin, definitions)} == {"exists"}
    report = await apply(admin, definitions)
    assert report.created == sorted(one.name for one in definitions)
    assert await check(admin, definitions) == []


async def test_apply_sets_back_what_drifted_and_keeps_what_others_set(
    admin: AIOKafkaAdminClient, unique: str
) -> None:
    one = renamed(unique)[0]
    drifted = {**one.settings(), "retention.ms": "1000", "segment.bytes": "20000000"}
    await admin.create_topics([NewTopic(one.name, 3, 1, topic_configs=drifted)])
    report = await apply(admin, [one])
    assert [difference.setting for difference in report.mended] == ["retention.ms"]
    assert await check(admin, [one]) == []
    resource = ConfigResource(ConfigResourceType.TOPIC, one.name, {"segment.bytes": None})
    (answer,) = await admin.describe_configs([resource])
    assert answer.resources[0][4][0][1] == "20000000"


async def test_apply_grows_only_when_asked(admin: AIOKafkaAdminClient, unique: str) -> None:
    few, more = renamed(unique, 2)[:1], renamed(unique, 3)[:1]
    await apply(admin, few)
    left = [Difference(few[0].name, "partitions", "3", "2")]
    assert (await apply(admin, more)).left == left
    assert await check(admin, more) == left
    assert (await apply(admin, more, is_growing=True)).grown == left
    assert await check(admin, more) == []


async def test_apply_never_shrinks(admin: AIOKafkaAdminClient, unique: str) -> None:
    await apply(admin, renamed(unique, 3)[:1])
    report = await apply(admin, renamed(unique, 2)[:1], is_growing=True)
    assert report == ([], [], [], [])
    assert await check(admin, renamed(unique, 3)[:1]) == []
