"""`make upgrade`: a rolling upgrade under traffic, with real old and new workers, then judged.

    python -m tests.failure.upgrade [--rate 5000] [--seed N] [--seconds S] [--settle S]

Old is this tree, new a copy of it with migrations of its own (tests/failure/next_release.py). The
course: expand, replace each worker by a new one, go back with one, go forward again, finish.

Writes build/upgrade.json. Exit code 1 unless nothing was lost, repeated or out of order, each state
is what the checker's oracle says, and no partition stood still for longer than the bound.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import random
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from app.runtime.embedded.stack import EmbeddedStack, embedded_stack
from app.storage.migrations import newest
from tests.failure.checker import Report, check
from tests.failure.commands import environment_of
from tests.failure.envelope import INTERACTIONS
from tests.failure.fleet import ROOT
from tests.failure.next_release import make_next_release, numbered
from tests.failure.pauses import Pauses
from tests.failure.reading import observe
from tests.failure.rolling import Rollout, owners
from tests.failure.run import PARTITIONS, _printer
from tests.failure.settling import settle
from tests.failure.steady import SteadyProducing
from tests.failure.traffic import Traffic

PAUSE_MAX_SECONDS: Final = 2.0
RESULT: Final = ROOT / "build" / "upgrade.json"
WARM_UP_SECONDS: Final = 15.0
INTERACTIONS_PER_CONTACT: Final = 10
DRAIN_SECONDS: Final = 60.0


class Step(NamedTuple):
    """What was done, and for how long each partition's K stood still meanwhile."""

    name: str
    seconds: float
    pauses: list[float]
    owners: dict[str, int]
    """Partitions by the revision of the release that owns them, after it."""


class Course:
    """The steps of an upgrade, each watched until `settle_seconds` after it."""

    def __init__(
        self,
        stack: EmbeddedStack,
        rollout: Rollout,
        trees: tuple[Path, Path],
        pauses: Pauses,
        settle_seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self._stack = stack
        self._rollout = rollout
        self._old, self._new = trees
        self._pauses = pauses
        self._settle_seconds = settle_seconds
        self._say = say
        self.steps: list[Step] = []

    async def run(self) -> None:
        first, second = self._rollout.workers
        await self._step("nothing happens", self._nothing)
        await self._step("expand", self._expand)
        await self._replace(first, "old → new", self._new)
        await self._step("finish too early", self._finish_too_early)
        await self._replace(second, "old → new", self._new)
        await self._replace(self._rollout.workers[0], "new → old", self._old)
        await self._replace(self._rollout.workers[-1], "old → new", self._new)
        await self._step("finish", self._finish)
        await self._step("an old one is refused", self._refused)

    async def _replace(self, worker: Any, name: str, tree: Path) -> None:
        async def join() -> None:
            await self._rollout.start(tree)

        async def leave() -> None:
            await self._rollout.end(worker)

        await self._step(f"{name}: joins", join)
        await self._step(f"{name}: leaves", leave)

    async def _nothing(self) -> None:
        await asyncio.sleep(self._settle_seconds)

    async def _expand(self) -> None:
        code, said = await self._rollout.run(self._new, "migrate")
        assert code == 0, said
        assert f"revision {numbered(1)}" in said, said
        assert f"{numbered(2)} take away" in said, said

    async def _finish_too_early(self) -> None:
        code, said = await self._rollout.run(self._new, "migrate", "--finish")
        assert code == 1, said
        assert f"-{newest()}-" in said, said

    async def _finish(self) -> None:
        code, said = await self._rollout.run(self._new, "migrate", "--finish")
        assert code == 0, said
        assert f"revision {numbered(2)}" in said, said

    async def _refused(self) -> None:
        code, said = await self._rollout.run(self._old, "worker", "--http-port", "0")
        assert code == 1, said
        assert "an upgrade was finished" in said.replace("\n", " "), said

    async def _step(self, name: str, action: Callable[[], Awaitable[None]]) -> None:
        began = time.monotonic()
        await action()
        seconds = time.monotonic() - began
        await asyncio.sleep(self._settle_seconds)
        pauses = sorted(self._pauses.longest(began, time.monotonic()))
        step = Step(name, round(seconds, 1), pauses, await owners(self._stack.database_url))
        self.steps.append(step)
        self._say(f"{name}: {seconds:.1f} s, pauses {pauses[0]}–{pauses[-1]} s, {step.owners}")


class Outcome(NamedTuple):
    report: Report
    steps: list[Step]
    is_settled: bool
    figures: dict[str, Any]

    @property
    def longest_pause(self) -> float:
        return max(max(step.pauses) for step in self.steps)


async def upgrade(
    rate: float, seed: int, seconds: float, settle_seconds: float, directory: Path
) -> Outcome:
    """`seconds`: traffic is made beforehand, for a course of so many at most."""
    say = _printer(time.monotonic())
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "logs").mkdir(parents=True)
    new = make_next_release(directory / "next")
    interactions = int(rate * seconds)
    contacts = interactions // INTERACTIONS_PER_CONTACT
    traffic = list(Traffic(seed, contacts, interactions, datetime.now(UTC)).sendings())
    gc.freeze()
    say(f"{len(traffic)} records made, seed {seed}")
    async with embedded_stack(directory / "stack", wipe=True, progress=say) as stack:
        rollout = Rollout(environment_of(stack), directory / "logs")
        for command in (("migrate",), ("topics", "apply")):
            code, said = await rollout.run(ROOT, *command)
            assert code == 0, said
        for _ in range(2):
            await rollout.start(ROOT)
        producing = SteadyProducing(stack.bootstrap_servers, iter(traffic), rate)
        pauses = Pauses(stack.bootstrap_servers, PARTITIONS)
        course = Course(stack, rollout, (ROOT, new), pauses, settle_seconds, say)
        tasks = [asyncio.create_task(each.run()) for each in (producing, pauses)]
        try:
            await asyncio.sleep(WARM_UP_SECONDS)
            await course.run()
            assert not tasks[0].done(), "the traffic ended before the course"
            sent = sum(1 for topic, *_ in producing.acknowledged if topic == INTERACTIONS)
            behind = sent - pauses.published
            producing.stop()
            await tasks[0]
            is_settled = await settle(stack.bootstrap_servers, PARTITIONS, DRAIN_SECONDS, say)
            await rollout.end_all()
        finally:
            tasks[1].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await rollout.kill()
        say("reading what is left")
        observed = await observe(
            stack.bootstrap_servers, stack.database_url, PARTITIONS, producing.acknowledged
        )
    say("checking")
    figures = {
        "rate_asked": rate,
        "rate_reached": round(len(producing.acknowledged) / producing.seconds),
        "sent_late_seconds": round(producing.behind_seconds, 2),
        "unpublished_at_the_end": behind,
        "seed": seed,
    }
    return Outcome(check(observed), course.steps, is_settled, figures)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.failure.upgrade")
    parser.add_argument("--rate", type=float, default=1000.0, help="interactions a second")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--seconds", type=float, default=130.0, help="of traffic, made before")
    parser.add_argument("--settle", type=float, default=3.0, help="seconds to watch after each")
    options = parser.parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    outcome = asyncio.run(
        upgrade(
            options.rate,
            options.seed,
            options.seconds,
            options.settle,
            ROOT / "build" / "upgrade",
        )
    )
    _show(outcome)
    is_short = outcome.longest_pause <= PAUSE_MAX_SECONDS
    return 0 if outcome.report.is_clean and outcome.is_settled and is_short else 1


def _show(outcome: Outcome) -> None:
    report = outcome.report
    for violation in report.violations[:20]:
        print(f"{violation.kind}: {violation.what}")  # noqa: T201
    figures = {
        **outcome.figures,
        "cores": os.cpu_count(),
        "longest_pause_seconds": outcome.longest_pause,
        "pause_max_seconds": PAUSE_MAX_SECONDS,
        "drained": outcome.is_settled,
        **report.counts,
        "checked": report.facts,
        "steps": [step._asdict() for step in outcome.steps],
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    for name, value in figures.items():
        if name != "steps":
            print(f"{name:24} {value}")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
