"""Fetched records -> batches: bounded by count and bytes, each partition in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.handling.partition import OwnedPartition
from app.handling.pipeline import chunks
from app.handling.records import SourceRecord
from app.storage.rows import PartitionRow

Shape = list[list[int]]
"""Per partition the sizes of its records' values."""


def fetched(shape: Shape) -> list[tuple[OwnedPartition, list[SourceRecord]]]:
    return [
        (
            OwnedPartition(PartitionRow("contacts", p, 1, "me", 0, (0, 0), 0, 0, (0, 0))),
            [SourceRecord(0, p, n, 0, None, b"x" * size, ()) for n, size in enumerate(sizes)],
        )
        for p, sizes in enumerate(shape)
    ]


def cut(shape: Shape, limit: int, max_bytes: int = 1000) -> list[list[tuple[int, list[int]]]]:
    """As batches of (partition, offsets)."""
    return [
        [(owned.partition, [record.offset for record in records]) for owned, records in chunk]
        for chunk in chunks(fetched(shape), limit, max_bytes)
    ]


@pytest.mark.parametrize(
    ("shape", "limit", "max_bytes", "batches"),
    [
        ([], 3, 10, []),
        ([[1, 1], [1]], 3, 10, [[(0, [0, 1]), (1, [0])]]),
        ([[1, 1], [1, 1]], 3, 10, [[(0, [0, 1])], [(1, [0, 1])]]),
        ([[1] * 5], 2, 10, [[(0, [0, 1])], [(0, [2, 3])], [(0, [4])]]),
        ([[4, 4, 4], [4]], 9, 10, [[(0, [0, 1])], [(0, [2]), (1, [0])]]),
        ([[50, 1]], 9, 10, [[(0, [0])], [(0, [1])]]),
    ],
    ids=["nothing", "all in one", "count", "one partition", "bytes", "above all bounds"],
)
def test_batches_keep_their_bounds(
    shape: Shape, limit: int, max_bytes: int, batches: list[list[tuple[int, list[int]]]]
) -> None:
    assert cut(shape, limit, max_bytes) == batches


@given(
    shape=st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=12), max_size=4),
    limit=st.integers(1, 8),
    max_bytes=st.integers(1, 60),
)
def test_nothing_is_lost_reordered_or_begun_twice_in_a_batch(
    shape: Shape, limit: int, max_bytes: int
) -> None:
    batches = cut(shape, limit, max_bytes)
    seen: dict[int, list[int]] = {}
    for batch in batches:
        assert batch
        assert len({partition for partition, _ in batch}) == len(batch)
        assert 1 <= sum(len(offsets) for _, offsets in batch) <= limit
        size = sum(shape[p][n] for p, offsets in batch for n in offsets)
        assert size <= max_bytes or sum(len(offsets) for _, offsets in batch) == 1
        for partition, offsets in batch:
            seen.setdefault(partition, []).extend(offsets)
    assert seen == {p: list(range(len(sizes))) for p, sizes in enumerate(shape)}
