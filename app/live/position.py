"""How far a reader of the output topics has come: the last whole batch of each partition.

A batch has one number in PostgreSQL and on all topics, so where a stream stopped can be found in
the segments again, by any process. Written out it is the `id:` of the live stream.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from app.domain.topics import ACCOUNT_LANE, CONTACT_LANE, Topic

STREAMED: Final = (Topic.STAGE_CHANGES, Topic.OPPORTUNITIES, Topic.SIGNALS, Topic.ACCOUNTS)
"""The topics of the stream, in the order in which a position counts them."""
LANE_OF: Final = (CONTACT_LANE, CONTACT_LANE, CONTACT_LANE, ACCOUNT_LANE)
FORMAT: Final = 1
TEXT_MAX_CHARS: Final = 16 * 1024

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, list[list[int]]]).decode


class Position:
    """Batch numbers by topic (its index in `STREAMED`) and partition; 0: none yet."""

    def __init__(self, seqs: Sequence[Sequence[int]]) -> None:
        self._seqs = [list(of_topic) for of_topic in seqs]
        self._text: bytes | None = None

    @classmethod
    def of_lanes(cls, published: Mapping[str, Sequence[int]]) -> "Position":
        """All of a lane's topics at the same batches: by lane, a number for each partition."""
        return cls([published[lane] for lane in LANE_OF])

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        """None: it is not one."""
        if len(text) > TEXT_MAX_CHARS:
            return None
        try:
            blob = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            format_, seqs = _decode(blob)
        except (ValueError, msgspec.DecodeError):
            return None
        is_sound = (
            format_ == FORMAT
            and len(seqs) == len(STREAMED)
            and all(0 <= seq < 2**62 for of_topic in seqs for seq in of_topic)
        )
        return cls(seqs) if is_sound else None

    @property
    def text(self) -> bytes:
        if self._text is None:
            self._text = urlsafe_b64encode(_encode((FORMAT, self._seqs))).rstrip(b"=")
        return self._text

    def at(self, topic: int, partition: int) -> int:
        return self._seqs[topic][partition]

    def has(self, topic: int, partition: int) -> bool:
        return partition < len(self._seqs[topic])

    def advance(self, topic: int, partition: int, batch_seq: int) -> bool:
        """False: that batch was passed before, and nothing moved."""
        if batch_seq <= self._seqs[topic][partition]:
            return False
        self._seqs[topic][partition] = batch_seq
        self._text = None
        return True

    def copy(self) -> "Position":
        return Position(self._seqs)

    def is_like(self, other: "Position") -> bool:
        """Of the same topics, with as many partitions."""
        return self.partitions() == other.partitions()

    def partitions(self) -> list[int]:
        return [len(of_topic) for of_topic in self._seqs]

    def lowest(self, lane: str) -> list[int]:
        """Of each of the lane's partitions: up to there all of its topics were read."""
        return [min(seqs) for seqs in self._by_partition(lane)]

    def highest(self, lane: str) -> list[int]:
        return [max(seqs) for seqs in self._by_partition(lane)]

    def _by_partition(self, lane: str) -> list[tuple[int, ...]]:
        of_lane = [seqs for seqs, name in zip(self._seqs, LANE_OF, strict=True) if name == lane]
        return list(zip(*of_lane, strict=True))
