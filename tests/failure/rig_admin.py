"""What people do to a broker: offsets deleted, topics truncated or made again."""

import contextlib
from collections.abc import AsyncIterator

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import TopicAlreadyExistsError, for_code
from aiokafka.protocol.admin import DeleteGroupsRequest

from tests.failure.rig import Rig, until


@contextlib.asynccontextmanager
async def _admin(rig: Rig) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=rig.kafka["bootstrap_servers"])
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def forget_offsets(rig: Rig) -> None:
    """Delete the group with all its offsets. It must be empty."""
    async with _admin(rig) as admin:
        group = rig.kafka["group_id"]
        node = await admin.find_coordinator(group)
        answer = await admin._send_request(DeleteGroupsRequest([group]), node)
        for _, error in answer.results:
            if error:
                raise for_code(error)
    assert await rig.coordinator.committed(0) is None


async def truncate(rig: Rig, topic: str, partition: int, before: int) -> None:
    """As retention does: records before an offset are gone."""
    async with _admin(rig) as admin:
        await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before)})


async def recreate_topic(rig: Rig, topic: str) -> None:
    async with _admin(rig) as admin:
        await admin.delete_topics([topic])

        async def gone() -> bool:
            """Brokers hear of it after the controller has answered."""
            return bool((await admin.describe_topics([topic]))[0]["error_code"])

        await until(gone)

        async def created() -> bool:
            with contextlib.suppress(TopicAlreadyExistsError):
                await rig.create_topics({topic})
                return True
            return False

        await until(created)
