"""What one look at the topics found: whole batches, in the order of their topic's partition."""

from typing import NamedTuple

from app.live.event import LiveEvent


class HeardBatch(NamedTuple):
    """All that one batch told on one topic."""

    topic: int
    """Its index in `STREAMED`."""
    partition: int
    batch_seq: int
    events: list[LiveEvent]


Round = list[HeardBatch]
