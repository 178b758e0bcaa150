"""What the API's load costs the lane: the same rate of interactions, in turn without and with
people who ask for lists."""

import asyncio
import gc
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from statistics import median, quantiles
from typing import Final, NamedTuple

import aiohttp
import asyncpg
import psutil

from app.runtime.embedded.stack import EmbeddedStack
from tests.load.api_process import ApiProcess, api_process
from tests.load.fleet import Fleet
from tests.load.measure import Meter, Progress
from tests.load.producing import INTERACTIONS, LiveProducer, produce_all
from tests.load.stage_changes import StageChanges
from tests.load.workload import Sending

BEFORE: Final = 200_000
"""Interactions that are there when it begins: lists of some length."""
WARM_UP_SECONDS: Final = 10.0
TURNS: Final = 5
"""Of each."""
SETTLE_SECONDS: Final = 2.0
POLL_SECONDS: Final = 0.2
QUESTIONS: Final[tuple[dict[str, str], ...]] = (
    {}, {"sort": "updated"}, {"stage": "lead"}, {"temperature": "hot"}, {"text": "c"},
    {"stage": "opportunity", "sort": "updated"}, {"owner_team": "sales"}, {"temperature": "cold"},
    {"stage": "customer"}, {"channel": "web", "sort": "updated"},
)  # fmt: skip


class Turn(NamedTuple):
    asked: int
    answer_ms: float
    """Median of the answers to them; 0: none were asked for."""
    worker_us: float
    postgres_us: float
    """CPU per interaction, without the API's sessions."""
    asking_us: float
    """CPU of the API and of its sessions, per interaction."""
    p50_ms: float
    p99_ms: float
    """From sent to its stage change being readable."""
    behind_ms: float
    others_cores: float
    """That processes which are no part of this kept busy: above a tenth, figures are doubtful."""


class Beside(NamedTuple):
    alone: list[Turn]
    asked: list[Turn]

    def more(self, figure: str) -> float:
        """By how many percent it is more while lists are asked for: the middle of the pairs of
        turns that follow each other, since a machine is not the same for minutes."""
        ratios = [
            float(getattr(asked, figure)) / float(getattr(alone, figure))
            for alone, asked in zip(*self, strict=True)
        ]
        return (median(ratios) - 1) * 100


async def measure_beside(
    stack: EmbeddedStack,
    fleet: Fleet,
    sendings: Iterator[Sending],
    *,
    rate: int,
    asks: int,
    seconds: float,
    partitions: int,
    log: Path,
) -> Beside:
    """Two workers and one API, which is there in all turns; `asks` a second in every other one."""
    gc.freeze()  # the workload's objects: looking through them would make ticks late
    workers = [await fleet.start() for _ in range(2)]
    produced = await produce_all(stack.bootstrap_servers, islice(sendings, BEFORE))
    async with Progress(stack.bootstrap_servers, INTERACTIONS, partitions) as progress:
        while True:
            if sum(await progress.published()) >= produced:
                break
            await asyncio.sleep(POLL_SECONDS)
    connection = await asyncpg.connect(stack.postgres.admin_url)
    await connection.execute("VACUUM ANALYZE")
    reader = StageChanges(stack.bootstrap_servers, partitions)
    reading = asyncio.create_task(reader.run())
    turns: tuple[list[Turn], list[Turn]] = ([], [])
    settings = {
        "FUNNEL_DATABASE__URL": stack.database_url,
        "FUNNEL_KAFKA__BOOTSTRAP_SERVERS": stack.bootstrap_servers,
    }
    try:
        await reader.started.wait()
        async with api_process(log, settings) as api:
            roots = {
                "worker": [worker.pid for worker in workers],
                "postgres": [stack.postgres.pid],
                "api": [api.pid],
                "others": [os.getpid()],  # and all that it has started; see below
            }
            meter = _Meter(Meter(roots, stack.postgres.admin_url), connection)
            turn = _Taking(stack.bootstrap_servers, reader, sendings, rate, meter, api)
            await turn.take(WARM_UP_SECONDS, asks)
            for n in range(2 * TURNS):
                turns[n % 2].append(await turn.take(seconds, asks if n % 2 else 0))
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await connection.close()
    await fleet.stop()
    return Beside(*turns)


class _Meter:
    """CPU seconds, PostgreSQL's own without that of the API's sessions."""

    def __init__(self, meter: Meter, connection: asyncpg.Connection) -> None:
        self._meter = meter
        self._connection = connection

    async def cpu(self) -> Mapping[str, float]:
        found = dict((await self._meter.sample()).cpu_seconds)
        rows = await self._connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'funnel-api'"
        )
        sessions = 0.0
        for row in rows:
            with suppress(psutil.NoSuchProcess):
                sessions += sum(psutil.Process(row["pid"]).cpu_times()[:2])
        machine = psutil.cpu_times()
        busy = machine.user + machine.nice + machine.system + machine.irq + machine.softirq
        found["others"] = busy - found["others"]
        found["postgres"] -= sessions
        found["api"] += sessions
        return found


class _Taking:
    def __init__(
        self,
        bootstrap_servers: str,
        reader: StageChanges,
        sendings: Iterator[Sending],
        rate: int,
        meter: _Meter,
        api: ApiProcess,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._reader = reader
        self._sendings = sendings
        self._rate = rate
        self._meter = meter
        self._api = api

    async def take(self, seconds: float, asks: int) -> Turn:
        producer = LiveProducer(self._bootstrap_servers, self._sendings, self._rate)
        self._reader.caused.clear()
        before = await self._meter.cpu()
        asking = asyncio.create_task(_ask(self._api.url, asks, seconds))
        await producer.run(seconds)
        answers = await asking
        await asyncio.sleep(SETTLE_SECONDS)
        after = await self._meter.cpu()
        us = {name: (after[name] - before[name]) / (seconds * self._rate) * 1e6 for name in after}
        sent_at = producer.sent_at
        times = [(at - sent_at[id_]) * 1000 for id_, at in self._reader.caused if id_ in sent_at]
        cuts = quantiles(times, n=100)
        return Turn(
            len(answers),
            round(median(answers) * 1000, 1) if answers else 0.0,
            round(us["worker"], 1),
            round(us["postgres"], 1),
            round(us["api"], 1),
            round(cuts[49], 1),
            round(cuts[98], 1),
            round(producer.behind_seconds * 1000, 1),
            round(us["others"] * self._rate / 1e6, 2),
        )


async def _ask(url: str, rate: int, seconds: float) -> list[float]:
    """At the rate, however long answers take; the seconds each took."""
    started, questions = time.monotonic(), cycle(QUESTIONS)
    async with aiohttp.ClientSession(url) as session:
        asked: list[asyncio.Task[float]] = []
        for n in range(int(rate * seconds)):
            await asyncio.sleep(started + n / rate - time.monotonic())
            asked.append(asyncio.create_task(_answered(session, next(questions))))
        return await asyncio.gather(*asked)


async def _answered(session: aiohttp.ClientSession, parameters: dict[str, str]) -> float:
    started = time.monotonic()
    async with session.get("/v1/contacts", params=parameters) as answer:
        body = await answer.read()
        assert answer.status == 200, body
    return time.monotonic() - started
