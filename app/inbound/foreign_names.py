"""Batches with a header name that is no UTF-8: Kafka allows any bytes, aiokafka fails on them.

Such a batch is fetched once more, by itself, and read with the odd bytes of its header names shown
as question marks. Values are never touched.
"""

import struct
from collections.abc import Iterator
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.util import decode_varint

BATCH_MAX_BYTES: Final = 4 * 1024 * 1024
WAIT_MS: Final = 500
_LENGTH: Final = struct.Struct(">qi")


async def fetch_again(client: Any, tp: TopicPartition, offset: int) -> PartitionRecords:
    """The batches from `offset` on, readable whatever their headers are called. KafkaError."""
    node = client.cluster.leader_for_partition(tp)
    if node is None or node < 0:
        raise KafkaError(f"{tp} has no leader")
    wanted = [(tp.topic, [(tp.partition, offset, BATCH_MAX_BYTES)])]
    request = FetchRequest(WAIT_MS, 1, BATCH_MAX_BYTES, READ_COMMITTED, wanted)
    answer = await client.send(node, request)
    ((_, ((_, error, _, *data),)),) = answer.topics
    if error:
        raise for_code(error)()
    aborted = data[2] if answer.API_VERSION >= 11 else data[-2]
    return PartitionRecords(
        tp, _Batches(data[-1]), aborted, offset, None, None, True, READ_COMMITTED
    )


class _Batches:
    """As aiokafka's MemoryRecords, for batches of the current format."""

    def __init__(self, fetched: bytes) -> None:
        self._slices = list(_slices(fetched))

    def has_next(self) -> bool:
        return bool(self._slices)

    def next_batch(self) -> "_Batch":
        return _Batch(self._slices.pop(0))


def _slices(fetched: bytes) -> Iterator[bytes]:
    """Whole batches; the last one of an answer is often cut off."""
    start = 0
    while start + _LENGTH.size <= len(fetched):
        _, length = _LENGTH.unpack_from(fetched, start)
        end = start + _LENGTH.size + length
        if end > len(fetched):
            return
        yield fetched[start:end]
        start = end


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka is untyped
    def _read_msg(self, *args: Any) -> Any:
        _mask_names(self._buffer, self._pos)
        return super()._read_msg(*args)


def _mask_names(buffer: bytearray, start: int) -> None:
    """Replace what is no ASCII in the header names of the record at `start`, in place."""
    _, at = decode_varint(buffer, start)
    for _ in range(3):  # attributes, time and offset
        _, at = decode_varint(buffer, at)
    for _ in range(2):  # key and value
        length, at = decode_varint(buffer, at)
        at += max(0, length)
    count, at = decode_varint(buffer, at)
    for _ in range(count):
        length, at = decode_varint(buffer, at)
        try:
            buffer[at : at + length].decode()
        except UnicodeDecodeError:
            name = buffer[at : at + length]
            buffer[at : at + length] = bytes(byte if byte < 128 else 63 for byte in name)
        at += length
        length, at = decode_varint(buffer, at)
        at += max(0, length)
