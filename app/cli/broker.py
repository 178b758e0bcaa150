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
    from app.kafka_reading import kafka_admin

    async with kafka_admin(kafka, CLIENT_ID) as admin:
        yield admin


def unreachable(bootstrap_servers: str, failed: Exception) -> Unavailable:
    return Unavailable(f"Kafka at {bootstrap_servers}: {failed!r}")
