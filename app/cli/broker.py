"""Asking the brokers, as an administrator would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from app.errors import Unavailable

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient

    from app.settings import Kafka

CLIENT_ID: Final = "funnel-cli"


@asynccontextmanager
async def broker(kafka: "Kafka") -> AsyncIterator["AIOKafkaAdminClient"]:
    """An admin client. Raises Unavailable, also for what fails while it is used."""
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaError

    from app.kafka_access import kafka_access, let_end

    admin = AIOKafkaAdminClient(
        **kafka_access(kafka),
        client_id=CLIENT_ID,
        request_timeout_ms=round(kafka.request_timeout_seconds * 1000),
    )
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError) as failed:
        raise unreachable(kafka.bootstrap_servers, failed) from failed
    finally:
        await let_end(admin.close())


def unreachable(bootstrap_servers: str, failed: Exception) -> Unavailable:
    return Unavailable(f"Kafka at {bootstrap_servers}: {failed!r}")
