"""`make simulate`: a what-if and a replay over a big history -> build/simulate.json.

    python -m tests.load.simulate [--interactions N] [--contacts N] [--seed N]
        [--candidate profile-first@1] [--no-replay]

The database is filled by the same decoder, fold and apply as a worker's, without Kafka. Then the
commands run as people run them: rate, CPU and memory are those of the whole command, its processes
added up. Figures others compare with need the machine for themselves.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import psutil
import uvloop
from pydantic import SecretStr

from app.models import load_rules
from app.runtime.embedded.stack import EmbeddedStack, embedded_stack
from app.settings import Database
from app.storage.migrate import migrate
from tests.load.about import about
from tests.load.filling import filled
from tests.load.fleet import ROOT
from tests.load.measure import Meter

DIRECTORY: Final = ROOT / "build" / "simulate"
CURRENT: Final = "b2b-default@1"
PARTITIONS: Final = 12
SPAN_SECONDS: Final = 90 * 86_400.0
SAMPLE_SECONDS: Final = 0.05


class Run(NamedTuple):
    """One command."""

    report: dict[str, Any]
    seconds: float
    cpu_seconds: dict[str, float]
    rss_mb: float
    """The most its processes held together."""
    code: int

    def figures(self, interactions: int) -> dict[str, Any]:
        return {
            "interactions_per_second": round(interactions / self.seconds),
            "cpu_us_per_interaction": {
                name: round(spent / interactions * 1e6, 2)
                for name, spent in self.cpu_seconds.items()
            },
            "rss_mb": self.rss_mb,
            "seconds": round(self.seconds, 1),
        }


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    async with embedded_stack(DIRECTORY / "stack", wipe=True, progress=say) as stack:
        await migrate(stack.database_url)
        started = time.monotonic()
        await filled(
            Database(url=SecretStr(stack.database_url)), load_rules(CURRENT),
            interactions=options.interactions, contacts=options.contacts, seed=options.seed,
            partitions=PARTITIONS, until=time.time() - 60, span_seconds=SPAN_SECONDS,
        )  # fmt: skip
        say(f"{options.interactions:,} interactions filled in {time.monotonic() - started:.0f} s")
        figures = await _simulated(stack, options.candidate)
        if not options.no_replay:
            figures["replay"] = await _replayed(stack)
        return figures


async def _simulated(stack: EmbeddedStack, candidate: str) -> dict[str, Any]:
    same = await run(stack, ["model", "simulate", CURRENT, "--json"])
    if same.report["movers"] or same.report["same_stage_other_history"]:
        raise RuntimeError(f"{CURRENT} is in force, and yet {same.report['movers']} would move")
    found = await run(stack, ["model", "simulate", candidate, "--json"])
    interactions = found.report["interactions"]
    figures = found.figures(interactions)
    _print("simulate", interactions, figures)
    say(f"movers           {found.report['movers']:,} under {candidate}, 0 under {CURRENT}")
    kept = ("contacts", "interactions", "movers", "pairs", "handoffs", "stages")
    return {**figures, **{name: found.report[name] for name in kept}}


async def _replayed(stack: EmbeddedStack) -> dict[str, Any]:
    found = await run(stack, ["replay", "--json"])
    interactions = found.report["interactions"]
    figures = found.figures(interactions)
    _print("replay", interactions, figures)
    say(f"differences      {found.report['differing']:,} of {found.report['contacts']:,} contacts")
    for each in found.report["differences"][:5]:
        say(f"                 {each}")
    if found.code:
        raise RuntimeError("replay does not equal live")
    return {**figures, "interactions": interactions, "state_differences": 0}


def _print(what: str, interactions: int, figures: dict[str, Any]) -> None:
    cpu = ", ".join(f"{name} {us} µs" for name, us in figures["cpu_us_per_interaction"].items())
    rate = figures["interactions_per_second"]
    say(f"{what:<16} {interactions:,} interactions in {figures['seconds']} s: {rate:,}/s")
    say(f"CPU              {cpu} per interaction")
    say(f"most memory      {figures['rss_mb']} MB, all processes together")


async def run(stack: EmbeddedStack, arguments: Sequence[str]) -> Run:
    """`funnel` with these arguments; it prints JSON."""
    environment = {
        **os.environ, "FUNNEL_DATABASE__URL": stack.database_url, "FUNNEL_MODEL": CURRENT,
    }  # fmt: skip
    meter = Meter({"postgres": [stack.postgres.pid]}, stack.postgres.admin_url)
    before = await meter.sample()
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli.main", *arguments),
        cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    started = time.monotonic()
    printed = asyncio.create_task(command.communicate())
    root, peak, spent = psutil.Process(command.pid), 0, {}
    while not printed.done():
        rss = 0
        with suppress(psutil.NoSuchProcess):
            for process in (root, *root.children(recursive=True)):
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    rss += process.memory_info().rss
                    spent[process.pid] = sum(process.cpu_times()[:2])
        peak = max(peak, rss)
        await asyncio.wait([printed], timeout=SAMPLE_SECONDS)
    seconds = time.monotonic() - started
    after = await meter.sample()
    output, _ = await printed
    if not output:
        raise RuntimeError(f"funnel {' '.join(arguments)} failed")
    cpu = {
        "command": sum(spent.values()),
        "postgres": after.cpu_seconds["postgres"] - before.cpu_seconds["postgres"],
    }
    report = msgspec.json.decode(output)
    return Run(report, seconds, cpu, round(peak / 2**20, 1), command.returncode or 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.load.simulate")
    parser.add_argument("--interactions", type=int, default=1_000_000)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--candidate", default="profile-first@1")
    parser.add_argument("--no-replay", action="store_true")
    return parser.parse_args()


def main() -> None:
    options = _options()
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    figures = about("tests.load.simulate", options.seed) | uvloop.run(measure(options))
    place: Path = ROOT / "build" / "simulate.json"
    place.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2))
    say(f"written to {place.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
