"""The embedded stack is a real Kafka and a real PostgreSQL."""

import socket
import uuid
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.runtime.embedded.kafka import EmbeddedKafka
from app.runtime.embedded.stack import EmbeddedStack, embedded_stack


async def test_what_is_produced_is_consumed(stack: EmbeddedStack, unique: str) -> None:
    topic = f"echo-{unique}"
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(
        bootstrap_servers=stack.bootstrap_servers, transactional_id=f"writer-{unique}"
    )
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=stack.bootstrap_servers,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await producer.start()
    await consumer.start()
    try:
        async with producer.transaction():
            await producer.send_and_wait(topic, b"hello")
        assert (await consumer.getone()).value == b"hello"
    finally:
        await producer.stop()
        await consumer.stop()


async def test_the_database_is_postgresql_18_that_syncs_every_commit(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        version = await connection.fetchval("SHOW server_version")
        durable = (
            await connection.fetchval("SHOW fsync"),
            await connection.fetchval("SHOW synchronous_commit"),
        )
    finally:
        await connection.close()
    assert version.startswith("18.")
    assert durable == ("on", "on")


async def test_the_service_is_no_superuser(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        is_superuser = await connection.fetchval(
            "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        )
    finally:
        await connection.close()
    assert is_superuser is False


async def test_a_port_that_is_taken_between_choosing_and_binding_is_chosen_again(
    own_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests side by side choose at the same time."""
    taken: list[socket.socket] = []
    write = EmbeddedKafka._write_properties

    def then_take_them(kafka: EmbeddedKafka) -> Path:
        properties = write(kafka)
        if not taken:
            ports = (kafka.port, kafka._controller_port)
            taken.extend(socket.create_server(("127.0.0.1", port)) for port in ports)
        return properties

    monkeypatch.setattr(EmbeddedKafka, "_write_properties", then_take_them)
    try:
        async with embedded_stack(own_directory, progress=lambda _: None) as stack:
            assert stack.kafka.is_running
            assert stack.kafka.port != taken[0].getsockname()[1]
    finally:
        for each in taken:
            each.close()


async def test_a_cluster_id_may_begin_with_a_dash(
    own_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One random id in 64 does, and the formatter took it for an option."""
    monkeypatch.setattr(uuid, "uuid4", lambda: UUID(bytes=b"\xf8" * 16))
    async with embedded_stack(own_directory, progress=lambda _: None) as started:
        assert started.kafka.is_running
