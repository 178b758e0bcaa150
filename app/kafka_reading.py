"""Clients that look at the brokers beside the lanes: consumers without a group, which commit
nothing, and an administrator's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Literal

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from app.errors import Unavailable
from app.kafka_access import kafka_access, let_end, stop_consumer
from app.settings import Kafka

CLOSE_SECONDS: Final = 1.0
"""A connection with TLS waits up to half a minute for the broker's goodbye, where a fetch is under
way; it ends without us."""


@asynccontextmanager
async def kafka_reader(
    kafka: Kafka,
    client_id: str,
    *,
    committed_only: bool = True,
    reset: Literal["none", "earliest"] = "none",
    **limits: Any,
) -> AsyncIterator[AIOKafkaConsumer]:
    """Started, with no partition assigned. `limits`: further arguments of aiokafka's consumer.

    `reset`: what is done where an offset is gone; by default it is an error. Raises Unavailable,
    also for what Kafka says while it is used.
    """
    reader = AIOKafkaConsumer(
        **kafka_access(kafka),
        client_id=client_id,
        isolation_level="read_committed" if committed_only else "read_uncommitted",
        enable_auto_commit=False,
        auto_offset_reset=reset,
        **limits,
    )
    try:
        try:
            await reader.start()
        except OSError as failed:
            raise _unreachable(kafka, failed) from failed
        yield reader
    except KafkaError as failed:
        raise _unreachable(kafka, failed) from failed
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await stop_consumer(reader)


@asynccontextmanager
async def kafka_admin(kafka: Kafka, client_id: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Raises Unavailable, also for what fails while it is used."""
    admin = AIOKafkaAdminClient(
        **kafka_access(kafka),
        client_id=client_id,
        request_timeout_ms=round(kafka.request_timeout_seconds * 1000),
    )
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError) as failed:
        raise _unreachable(kafka, failed) from failed
    finally:
        await let_end(admin.close())


def _unreachable(kafka: Kafka, failed: Exception) -> Unavailable:
    return Unavailable(f"Kafka at {kafka.bootstrap_servers}: {failed!r}")
