"""Throughput: everything produced beforehand, then timed from the first to the last published."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg

from app.runtime.embedded.stack import EmbeddedStack
from tests.load.fleet import Fleet
from tests.load.measure import Meter, Progress, Sample, peak_rss_mb
from tests.load.producing import INTERACTIONS

POLL_SECONDS: Final = 0.1
STALL_SECONDS: Final = 60.0


class Throughput(NamedTuple):
    interactions: int
    workers: int
    seconds: float
    cpu_us: dict[str, float]
    """Of worker, postgres and broker, per interaction."""
    wal_bytes: float
    """Per interaction."""
    rss_mb: list[float]
    """The most each worker ever held."""
    curve: list[tuple[float, int]]
    """(seconds, published), ten steps."""

    @property
    def per_second(self) -> float:
        return self.interactions / self.seconds


async def measure_throughput(
    stack: EmbeddedStack,
    fleet: Fleet,
    produced: int,
    *,
    workers: int,
    partitions: int,
    profiles: Path | None = None,
) -> Throughput:
    """Workers start here and are stopped here. What was published before the first look at it is
    left out of every figure."""
    async with Progress(stack.bootstrap_servers, INTERACTIONS, partitions) as progress:
        already = sum(await progress.published())
        running = [
            await fleet.start(profiles / f"profile-{n}.txt" if profiles else None)
            for n in range(workers)
        ]
        meter = Meter(
            {
                "worker": [worker.pid for worker in running],
                "postgres": [stack.postgres.pid],
                "broker": [stack.kafka.pid],
            },
            stack.postgres.admin_url,
        )
        looks: list[tuple[float, int]] = []
        first: Sample | None = None
        while True:
            published = sum(await progress.published()) - already
            now = time.monotonic()
            if published > 0 and first is None:
                first = await meter.sample()
            if not looks or published > looks[-1][1]:
                looks.append((now, published))
            elif now - looks[-1][0] > STALL_SECONDS:
                raise RuntimeError(f"nothing published for {STALL_SECONDS:.0f} s at {published}")
            if published >= produced:
                break
            if any(worker.returncode is not None for worker in running):
                raise RuntimeError("a worker ended, see its log")
            await asyncio.sleep(POLL_SECONDS)
        assert first is not None
        last = await meter.sample()
    began = next(look for look in looks if look[1] > 0)
    rss = [peak_rss_mb(worker.pid) for worker in running]
    await fleet.stop()
    return _figures(looks, began, first, last, workers, rss)


def _figures(
    looks: list[tuple[float, int]],
    began: tuple[float, int],
    first: Sample,
    last: Sample,
    workers: int,
    rss: list[float],
) -> Throughput:
    counted = looks[-1][1] - began[1]
    step = max(1, len(looks) // 10)
    return Throughput(
        interactions=counted,
        workers=workers,
        seconds=looks[-1][0] - began[0],
        cpu_us={
            name: round((last.cpu_seconds[name] - first.cpu_seconds[name]) / counted * 1e6, 2)
            for name in first.cpu_seconds
        },
        wal_bytes=round((last.wal_bytes - first.wal_bytes) / counted, 1),
        rss_mb=rss,
        curve=[(round(at - began[0], 1), n) for at, n in looks[::step]],
    )


async def count_history(admin_url: str) -> Counter[str]:
    """Records of stage_change by kind."""
    connection = await asyncpg.connect(admin_url)
    try:
        rows = await connection.fetch("SELECT kind, count(*) AS n FROM stage_change GROUP BY kind")
        return Counter({row["kind"]: row["n"] for row in rows})
    finally:
        await connection.close()
