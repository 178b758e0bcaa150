"""Very many timers due in the same moment, while interactions go on coming."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from statistics import quantiles
from typing import Final, NamedTuple

import asyncpg

from app.domain.routing import home_partition
from app.runtime.embedded.stack import EmbeddedStack
from tests.load.fleet import Fleet
from tests.load.producing import LiveProducer, produce_all
from tests.load.stage_changes import StageChanges
from tests.load.workload import Sending

DORMANT_DAYS: Final = 180
"""lead_dormant of the default model: each of the contacts was heard of exactly so long ago."""
PRODUCED_SECONDS: Final = 180.0
POLL_SECONDS: Final = 0.5
LIMIT_SECONDS: Final = 900.0


class Drain(NamedTuple):
    timers: int
    seconds: float
    """From the moment they were due until the last had fired."""
    rate: int
    p50_ms: float
    p99_ms: float
    """Of the interactions meanwhile: from sent to its stage change being readable."""


async def measure_due(
    stack: EmbeddedStack,
    fleet: Fleet,
    sendings: Iterator[Sending],
    *,
    timers: int,
    rate: int,
    partitions: int,
    prepare_seconds: float,
) -> Drain:
    """Two workers. `prepare_seconds`: by then all of them must have been folded."""
    due_at = time.time() + prepare_seconds
    for _ in range(2):
        await fleet.start()
    heard_at = datetime.fromtimestamp(due_at, UTC) - timedelta(days=DORMANT_DAYS)
    await produce_all(stack.bootstrap_servers, islice(_leads(heard_at, partitions), timers))
    connection = await asyncpg.connect(stack.postgres.admin_url)
    reader = StageChanges(stack.bootstrap_servers, partitions)
    reading = asyncio.create_task(reader.run())
    try:
        await _until(connection, "lead", timers)
        if time.time() > due_at:
            raise RuntimeError("they were due before all were folded: give more time")
        await reader.started.wait()
        producer = LiveProducer(stack.bootstrap_servers, sendings, rate)
        producing = asyncio.create_task(producer.run(PRODUCED_SECONDS))
        await asyncio.sleep(due_at - time.time())
        reader.caused.clear()
        await _until(connection, "recycled", timers)
        seconds = time.time() - due_at
        producing.cancel()
        await asyncio.gather(producing, return_exceptions=True)
        await asyncio.sleep(2 * POLL_SECONDS)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await connection.close()
    await fleet.stop()
    sent_at = producer.sent_at
    cuts = quantiles(
        [(at - sent_at[id_]) * 1000 for id_, at in reader.caused if id_ in sent_at], n=100
    )
    return Drain(timers, round(seconds, 1), rate, round(cuts[49], 1), round(cuts[98], 1))


async def _until(connection: asyncpg.Connection, stage: str, least: int) -> None:
    """So many contacts of this measurement are in the stage."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        counted = await connection.fetchval(
            "SELECT count(*) FROM contact WHERE stage = $1 AND contact_id LIKE 'due-%'", stage
        )
        if counted >= least:
            return
        await asyncio.sleep(POLL_SECONDS)
    raise RuntimeError(f"not all came to {stage} within {LIMIT_SECONDS:.0f} s")


def _leads(heard_at: datetime, partitions: int) -> Iterator[Sending]:
    moment = heard_at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:23]
    for n in count():
        subject = f"due-{n}"
        value = (
            f'{{"specversion":"1.0","id":"{subject}","source":"https://shop.example/forms",'
            f'"type":"newsletter.signed_up","subject":"{subject}","time":"{moment}Z",'
            '"data":{"email":"someone@firm.example","list_id":"insights","consent":true}}'
        )
        yield Sending(
            home_partition(subject, partitions), subject.encode(), value.encode(), subject
        )
