"""Lane partitions: who owns them, how far they are, and which wait for a person."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import get, post
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from app.api.database import Database
from app.api.describing import USUAL, needs
from app.api.lag import LaneTopics
from app.api.principal import Scope
from app.api.problems import Problem, not_found
from app.domain.timestamps import format_rfc3339
from app.storage import halt_queries, queries
from app.storage.halts import HaltRow
from app.storage.rows import PartitionRow

READS: dict[str, Any] = needs(Scope.OPS_READ, "Operations")
RESUMES: dict[str, Any] = needs(Scope.OPS_WRITE, "Operations", problems=(*USUAL, 409))


class Halt(msgspec.Struct, frozen=True):
    reason: str
    """dead_letters: too many of them; fault: anything else."""
    message: str
    since: str
    until_resumed: bool
    """Also after a restart; else whoever takes the partition over next looks anew."""


class LanePartition(msgspec.Struct, frozen=True):
    lane: str
    partition: int
    owner: str | None
    epoch: int
    batch_seq: int
    """Of the last batch applied."""
    published_seq: int
    """Of the last batch published, as its owner last wrote down."""
    next_offsets: dict[str, int]
    """By topic."""
    halted: Halt | None


class LanePartitions(msgspec.Struct, frozen=True):
    partitions: list[LanePartition]


class PartitionReading:
    def __init__(self, database: Database, lanes: Sequence[LaneTopics]) -> None:
        self._database = database
        self._lanes = {lane.lane: lane for lane in lanes}

    async def all(self) -> list[LanePartition]:
        """Raises Unavailable."""
        engine = self._database.engine
        halts = await halt_queries.halts(engine)
        return [
            _partition(row, lane.topics, halts)
            for lane in self._lanes.values()
            for row in await queries.partitions(engine, lane.lane)
        ]

    async def resume(self, lane: str, partition: int) -> LanePartition:
        """Problem 404, 409."""
        found = None
        if lane in self._lanes:
            rows = await self.all()
            found = next((r for r in rows if (r.lane, r.partition) == (lane, partition)), None)
        if found is None:
            raise not_found("lane partition")
        if not await halt_queries.resume(self._database.engine, lane, partition):
            detail = f"partition {partition} of lane {lane} is not halted: there is nothing to do"
            raise Problem(409, "not-halted", detail)
        return msgspec.structs.replace(found, halted=None)


@get("/ops/partitions", summary="Lane partitions, and which are halted", **READS)
async def partitions(partition_reading: Given[PartitionReading]) -> LanePartitions:
    return LanePartitions(await partition_reading.all())


@post(
    "/ops/partitions/{lane:str}/{partition:int}/resume",
    summary="Let a halted partition go on",
    status_code=202,
    **RESUMES,
)
async def resume_partition(
    lane: FromPath[str],
    partition: FromPath[int],
    partition_reading: Given[PartitionReading],
) -> LanePartition:
    """Once what halted it is mended. Its owner goes on within a few seconds, without a restart."""
    return await partition_reading.resume(lane, partition)


def _partition(
    row: PartitionRow, topics: Sequence[str], halts: Mapping[tuple[str, int], HaltRow]
) -> LanePartition:
    halt = halts.get((row.lane, row.partition))
    return LanePartition(
        lane=row.lane,
        partition=row.partition,
        owner=row.owner,
        epoch=row.epoch,
        batch_seq=row.batch_seq,
        published_seq=row.published_seq,
        next_offsets=dict(zip(map(str, topics), row.next_offsets, strict=True)),
        halted=None if halt is None else _halt(halt),
    )


def _halt(row: HaltRow) -> Halt:
    return Halt(row.reason, row.message, format_rfc3339(row.halted_at), row.until_resumed)


PARTITION_ROUTES: list[HTTPRouteHandler] = [partitions, resume_partition]
