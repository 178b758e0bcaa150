"""Topic ids and partition counts, by a Metadata request newer than aiokafka's own.

A topic that was deleted and made again has another id: offsets of the old one mean nothing in it.
"""

import asyncio
from collections.abc import Sequence
from io import BytesIO
from typing import Any, NamedTuple
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from app.errors import TopicsError, Unavailable
from app.kafka_access import kafka_access, let_end
from app.settings import Kafka


class TopicIdentity(NamedTuple):
    id: str
    partitions: int


async def identify(settings: Kafka, topics: Sequence[str]) -> dict[str, TopicIdentity]:
    """Raises TopicsError where one does not exist, Unavailable."""
    client = AIOKafkaClient(
        **kafka_access(settings),
        request_timeout_ms=int(settings.request_timeout_seconds * 1000),
    )
    try:
        async with asyncio.timeout(2 * settings.request_timeout_seconds):
            await client.bootstrap()
            answer = await client.send(client.get_random_node(), _MetadataRequest(topics))
    except (KafkaError, OSError, TimeoutError) as failed:
        raise Unavailable(f"Kafka at {settings.bootstrap_servers}: {failed!r}") from failed
    finally:
        await let_end(client.close())
    found: dict[str, TopicIdentity] = {}
    for error, name, topic_id, _, partitions, _, _ in answer.topics:
        if error == UnknownTopicOrPartitionError.errno:
            raise TopicsError(f"topic {name} does not exist: create it with `funnel topics apply`")
        if error:
            raise Unavailable(f"topic {name}: {for_code(error).__name__}")
        found[name] = TopicIdentity(topic_id, len(partitions))
    return found


class _Uuid(AbstractType):  # type: ignore[misc]  # aiokafka is untyped
    """Sixteen bytes on the wire."""

    @classmethod
    def encode(cls, value: str) -> bytes:
        return UUID(value).bytes

    @classmethod
    def decode(cls, data: BytesIO) -> str:
        return str(UUID(bytes=data.read(16)))


_NO_ID = str(UUID(int=0))


class _MetadataResponseV12(Response):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequestV12(RequestStruct):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponseV12
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic_id", _Uuid), ("topic", CompactString("utf-8")), ("tags", TaggedFields)
            ),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataRequestV12]):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(
            [(_NO_ID, topic, {}) for topic in self._topics], False, False, {}
        )
