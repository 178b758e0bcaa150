"""A decided batch: what it says to the apply, and how much waits in memory."""

from datetime import date

import pytest

from app.handling.batch import DecidedBatch, PartitionBatch, day_of
from app.handling.partition import OwnedPartition
from app.handling.records import OutputRecord, SourceRecord
from app.storage.rows import PartitionRow

NOON = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z


def begun(partition: int) -> PartitionBatch:
    row = PartitionRow("contacts", partition, 5, "me", 10, (3, 4), 1, 10, (3, 4))
    owned = OwnedPartition(row)
    record = OutputRecord("out", partition, None, b"x" * 100, [])
    position = owned.begin_batch((7, 4), NOON)
    return PartitionBatch(owned, position, b"events", 4, [record], b"outputs")


def test_it_moves_every_partition_and_writes_a_segment_for_each() -> None:
    batch = DecidedBatch(number=1, decided_at=NOON, fetched=[], parts=[begun(0), begun(2)])
    apply = batch.for_apply("contacts")
    assert [(m.partition, m.epoch, m.expected_seq, m.batch_seq) for m in apply.moves] == [
        (0, 5, 10, 11),
        (2, 5, 10, 11),
    ]
    for segment, partition in zip(apply.segments, (0, 2), strict=True):
        assert (segment.partition, segment.batch_seq, segment.next_offsets) == (
            partition, 11, (7, 4),
        )  # fmt: skip
        assert (segment.day, segment.n, segment.as_of) == (date(2026, 3, 1), 4, NOON)
        assert (segment.events, segment.outputs) == (b"events", b"outputs")


def test_the_k_it_writes_is_the_one_known_when_it_is_applied() -> None:
    first, batch = begun(0), DecidedBatch(number=2, decided_at=NOON, fetched=[])
    batch.parts.append(first)
    first.owned.published_up_to(first.position)
    assert batch.for_apply("contacts").moves[0].published_seq == 11


def test_it_names_its_source_records() -> None:
    owned = begun(1).owned
    records = [SourceRecord(topic, 1, n, 0, None, None, ()) for topic, n in ((0, 5), (1, 2))]
    batch = DecidedBatch(number=1, decided_at=NOON, fetched=[(owned, records)])
    assert batch.source_keys() == [(0, 1, 5), (1, 1, 2)]


@pytest.mark.parametrize(
    ("moment", "day"), [(NOON, date(2026, 3, 1)), (NOON + 12 * 3_600_000_000, date(2026, 3, 2))]
)
def test_a_batch_is_filed_under_its_day_in_utc(moment: int, day: date) -> None:
    assert day_of(moment) == day
