"""One chaos run from an empty stack to a judgement."""

import asyncio
import logging
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg

from app.runtime.embedded.stack import EmbeddedStack, embedded_stack
from tests.failure.arming import Arming
from tests.failure.checker import Report, check
from tests.failure.commands import environment_of, funnel
from tests.failure.faults import Faults, plan
from tests.failure.fleet import Fleet
from tests.failure.group import count_rebalances
from tests.failure.producing import Producing
from tests.failure.reading import observe
from tests.failure.settling import settle
from tests.failure.takeovers import count_takeovers
from tests.failure.traffic import Traffic

PARTITIONS: Final = 12
Say = Callable[[str], None]


class Scale(NamedTuple):
    """How much of everything. `seconds` is how long traffic and faults last."""

    interactions: int
    contacts: int
    seconds: float
    faults: Mapping[str, int]
    workers: int = 3
    failpoints: str | None = None
    """The setting for every worker; None: each failpoint in turn, and some at random."""
    keyless: tuple[str, ...] = ()
    """Tables whose primary keys are dropped, for mutants."""
    drain_seconds: float = 120.0


FULL: Final = Scale(
    interactions=220_000,
    contacts=20_000,
    seconds=480.0,
    faults={
        "kill": 32,
        "zombie": 10,
        "restart": 10,
        "postgres": 3,
        "broker": 2,
        "forget_offsets": 1,
    },
)


TALLIED: Final = (
    *("kills", "failpoint_kills", "zombies", "restarts", "rebalances", "postgres_kills"),
    *("broker_kills", "offsets_deleted", "starts", "takeovers", "takeovers_fencing"),
    "takeovers_republishing",
)


class Outcome(NamedTuple):
    report: Report
    tally: Counter[str]
    failpoints: Counter[str]
    unfired: list[str]
    unexpected: list[str]
    is_settled: bool
    seconds: float

    def figures(self) -> dict[str, Any]:
        facts = self.report.facts
        return {
            "interactions": facts["records_in"],
            **{name: self.tally[name] for name in TALLIED},
            **self.report.counts,
            "drained": self.is_settled,
            "seconds": round(self.seconds, 1),
            "checked": facts,
            "failpoints_fired": dict(sorted(self.failpoints.items())),
            "failpoints_never_fired": self.unfired,
            "unexpected_ends": self.unexpected,
        }


async def run_chaos(
    seed: int, scale: Scale, directory: Path, mutant: str | None = None, say: Say | None = None
) -> Outcome:
    """Start everything empty in `directory`, break it as `scale` says, drain it, judge it."""
    started = time.monotonic()
    tell = say or _printer(started)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers go away here all the time
    tell(f"chaos: seed {seed}{f', mutant {mutant}' if mutant else ''}")
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "logs").mkdir(parents=True)
    async with embedded_stack(directory / "stack", wipe=True, progress=tell) as stack:
        environment = environment_of(stack, mutant)
        await funnel(environment, "migrate")
        await funnel(environment, "topics", "apply")
        await _drop_keys(stack, scale.keyless)
        rng = random.Random(seed)
        arming = Arming(rng, directory / "failpoints.log", scale.failpoints)
        fleet = Fleet(scale.workers, environment, arming.environment, directory / "logs", rng)
        faults = Faults(stack, fleet, arming, rng, tell)
        traffic = Traffic(seed, scale.contacts, scale.interactions, datetime.now(UTC))
        rate = scale.interactions / scale.seconds
        producing = Producing(stack.bootstrap_servers, traffic.sendings(), rate)
        fleet.start()
        progress = asyncio.create_task(_progress(tell, producing, fleet))
        try:
            async with asyncio.timeout(2 * scale.seconds + 120), asyncio.TaskGroup() as both:
                both.create_task(producing.run())
                both.create_task(faults.run(plan(rng, scale.faults, scale.seconds)))
            arming.is_over = True
            await fleet.kill_all()
            is_settled = await settle(
                stack.bootstrap_servers, PARTITIONS, scale.drain_seconds, tell
            )
        finally:
            progress.cancel()
            await fleet.stop()
        tally = fleet.tally + faults.tally + count_takeovers(directory / "logs")
        tally["rebalances"] += await count_rebalances(stack.bootstrap_servers)
        tell("reading what is left")
        observed = await observe(
            stack.bootstrap_servers, stack.database_url, PARTITIONS, producing.acknowledged
        )
    tell("checking")
    return Outcome(
        check(observed),
        tally,
        arming.fired(),
        arming.unfired(),
        fleet.unexpected,
        is_settled,
        time.monotonic() - started,
    )


async def _drop_keys(stack: EmbeddedStack, tables: Sequence[str]) -> None:
    connection = await asyncpg.connect(stack.database_url)
    try:
        for table in tables:
            key = await connection.fetchval(
                "SELECT conname FROM pg_constraint"
                " WHERE contype = 'p' AND conrelid = CAST($1 AS text)::regclass",
                table,
            )
            await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {key}")
    finally:
        await connection.close()


async def _progress(tell: Say, producing: Producing, fleet: Fleet) -> None:
    while True:
        await asyncio.sleep(10)
        tell(f"{len(producing.acknowledged)} produced; {fleet.describe()}; {dict(fleet.tally)}")


def _printer(started: float) -> Say:
    def tell(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)  # noqa: T201

    return tell
