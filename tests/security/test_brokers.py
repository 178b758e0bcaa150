"""Who may do what at a broker with SASL_SSL and the authorizer on."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from app.cli.topics import apply_topics
from app.domain.topics import Topic
from app.errors import Unavailable
from app.kafka_access import kafka_access
from app.outbound.coordinator import BrokerCoordinator
from app.outbound.topic_ids import identify
from app.settings import Kafka, load
from tests.security.certificates import Authority
from tests.security.secured_kafka import SecuredKafka

OWNER = "funnel-0123456789abcdef"
TIMEOUT_SECONDS = 30


@pytest.fixture(scope="module", autouse=True)
async def topics(secured: SecuredKafka) -> None:
    """Made by the operator's principal, with its rights."""
    kafka = secured.access("funnel-operator").model_dump()
    await apply_topics(load({}, kafka=kafka))


async def produce(kafka: Kafka, topic: str, **options: object) -> None:
    producer = AIOKafkaProducer(**kafka_access(kafka), **options)
    try:
        await producer.start()
        if "transactional_id" in options:
            async with producer.transaction():
                await producer.send_and_wait(topic, b"{}", key=b"crm-1")
        else:
            await producer.send_and_wait(topic, b"{}", key=b"crm-1")
    finally:
        await producer.stop()


async def read(kafka: Kafka, topic: str, group: str | None = None) -> int:
    """Where partition 0 ends, for who may read it."""
    consumer = AIOKafkaConsumer(
        topic, **kafka_access(kafka), group_id=group, auto_offset_reset="earliest"
    )
    try:
        await consumer.start()
        await consumer.getmany(timeout_ms=200)
        end = (await consumer.end_offsets([TopicPartition(topic, 0)])).popitem()[1]
        return int(end)
    finally:
        await consumer.stop()


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("shop", Topic.INTERACTIONS),
        ("funnel-api", Topic.INTERACTIONS),
        ("funnel-api", Topic.COMMANDS),
    ],
)
async def test_who_may_write_writes(secured: SecuredKafka, user: str, topic: str) -> None:
    await produce(secured.access(user), topic, enable_idempotence=True)


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("stranger", Topic.INTERACTIONS),
        ("stranger", Topic.COMMANDS),
        ("shop", Topic.COMMANDS),
        ("crm", Topic.COMMANDS),
        ("funnel-operator", Topic.COMMANDS),
        ("funnel-api", Topic.STAGE_CHANGES),
        ("funnel-worker", Topic.INTERACTIONS),
    ],
)
async def test_nobody_else_does(secured: SecuredKafka, user: str, topic: str) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await produce(secured.access(user), topic)


@pytest.mark.parametrize("topic", [Topic.CONTACTS, Topic.STAGE_CHANGES])
async def test_subscribers_read_what_is_told_to_them(secured: SecuredKafka, topic: str) -> None:
    assert await read(secured.access("crm"), topic, "crm-sync") >= 0


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("stranger", Topic.CONTACTS),
        ("shop", Topic.CONTACTS),
        ("crm", Topic.INTERACTIONS),
        ("crm", Topic.DEAD_LETTERS),
    ],
)
async def test_contacts_and_what_they_did_are_not_for_everybody(
    secured: SecuredKafka, user: str, topic: str
) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await read(secured.access(user), topic)


@pytest.mark.parametrize(
    ("user", "id_"),
    [("shop", OWNER), ("funnel-api", OWNER), ("funnel-worker", "other-1")],
)
async def test_nobody_uses_anothers_transactional_id(
    secured: SecuredKafka, user: str, id_: str
) -> None:
    """It would fence a worker, or be mistaken for one."""
    with pytest.raises(TransactionalIdAuthorizationFailed):
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await produce(secured.access(user), Topic.INTERACTIONS, transactional_id=id_)


async def test_a_worker_fences_its_predecessor_and_asks_for_its_offsets(
    secured: SecuredKafka,
) -> None:
    kafka = secured.access("funnel-worker")
    coordinator = BrokerCoordinator(kafka, [Topic.INTERACTIONS, Topic.COMMANDS], [Topic.CONTACTS])
    await coordinator.fence(OWNER)
    committed = await coordinator.committed(3)  # other tests' workers may have been here
    assert committed is None or committed.partition == 3
    assert len(await identify(kafka, [Topic.CONTACTS])) == 1
    assert await coordinator.scan("contacts", 3) == 0
    await coordinator.close()


@pytest.mark.parametrize(
    "different",
    [{"password": "wrong"}, {"username": "nobody"}, {"ca_file": None}],
    ids=["password", "user", "authority"],
)
async def test_who_is_not_who_they_say_gets_nowhere(
    secured: SecuredKafka, different: dict[str, object]
) -> None:
    with pytest.raises(Unavailable):
        await identify(secured.access("funnel-worker", **different), [Topic.CONTACTS])


async def test_a_broker_that_another_authority_vouches_for_is_not_believed(
    secured: SecuredKafka, tmp_path: object
) -> None:
    other = secured.ca_file.with_name("other.crt")
    other.write_bytes(Authority("another").certificate)
    with pytest.raises(Unavailable):
        await identify(secured.access("funnel-worker", ca_file=other), [Topic.CONTACTS])


async def test_a_broker_under_another_name_than_its_own_is_not_believed(
    secured: SecuredKafka,
) -> None:
    """Its certificate is for localhost and 127.0.0.1."""
    elsewhere = f"127.0.0.2:{secured.port}"
    with pytest.raises((Unavailable, KafkaError)):
        await identify(
            secured.access("funnel-worker", bootstrap_servers=elsewhere), [Topic.CONTACTS]
        )
