"""`make bench`: throughput with its cost, latency and takeover of the service -> build/bench.json.

    python -m tests.load.bench [--interactions N] [--contacts N] [--seed N] [--workers N]
        [--only throughput,latency,takeover,due,beside] [--rates 2000] [--seconds 30] [--profile]
        [--timers 100000] [--asks 20] [--model b2b-default@1]

Everything runs on this machine: two workers, PostgreSQL, the broker and the load generator share
its cores. Figures others compare with need the machine for themselves.
"""

import argparse
import logging
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop

from app.runtime.embedded.stack import EmbeddedStack, embedded_stack
from tests.load.beside import measure_beside
from tests.load.due import measure_due
from tests.load.fleet import ROOT, Fleet
from tests.load.latency import measure_latency
from tests.load.producing import produce_all
from tests.load.takeover import measure_takeover
from tests.load.throughput import Throughput, count_history, measure_throughput
from tests.load.workload import Workload

PARTITIONS: Final = 12
DIRECTORY: Final = ROOT / "build" / "bench"
SPAN_SECONDS: Final = 6 * 86_400.0
PARTS: Final = ("throughput", "latency", "takeover")
"""By default."""
DUE_RATE: Final = 500
"""Interactions a second while very many timers are due."""
DUE_PREPARE_SECONDS: Final = 60.0
BESIDE_RATE: Final = 1000
"""Interactions a second while lists are asked for."""
BESIDE_SECONDS: Final = 15.0
"""Each turn."""
VERSIONS: Final = ("aiokafka", "asyncpg", "msgspec", "uvloop", "faust-streaming")


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


async def bench(options: argparse.Namespace) -> dict[str, Any]:
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {}
    for part in options.only:
        async with embedded_stack(DIRECTORY / "stack", wipe=True, progress=say) as stack:
            fleet = Fleet(stack, DIRECTORY, {"FUNNEL_MODEL": options.model})
            await fleet.prepare()
            try:
                figures |= await MEASURES[part](stack, fleet, options)
            finally:
                await fleet.kill()
    return figures


def _workload(options: argparse.Namespace) -> Workload:
    return Workload(
        interactions=options.interactions,
        contacts=options.contacts,
        seed=options.seed,
        partitions=PARTITIONS,
        until=time.time() - 60,
        span_seconds=SPAN_SECONDS,
    )


async def _throughput(
    stack: EmbeddedStack, fleet: Fleet, options: argparse.Namespace
) -> dict[str, Any]:
    started = time.monotonic()
    workload = _workload(options)
    produced = await produce_all(stack.bootstrap_servers, workload.sendings())
    say(f"{produced} interactions produced in {time.monotonic() - started:.0f} s")
    found = await measure_throughput(
        stack,
        fleet,
        produced,
        workers=options.workers,
        partitions=PARTITIONS,
        profiles=DIRECTORY if options.profile else None,
    )
    history = await count_history(stack.postgres.admin_url)
    figures = _figures(found, history, produced)
    _print_throughput(found, figures)
    return figures


def _figures(found: Throughput, history: Mapping[str, int], produced: int) -> dict[str, Any]:
    return {
        "interactions": found.interactions,
        "interactions_per_second": round(found.per_second),
        "workers": found.workers,
        "cpu_us_per_interaction": found.cpu_us,
        "wal_bytes_per_interaction": found.wal_bytes,
        "transitions_per_interaction": round(history["changed"] / produced, 3),
        "history_records": dict(history),
        "rss_mb": found.rss_mb,
    }


def _print_throughput(found: Throughput, figures: Mapping[str, Any]) -> None:
    cpu, per = found.cpu_us, "per interaction"
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in figures["history_records"].items())
    rate = f"{found.per_second:,.0f}/s"
    say(f"throughput       {rate} by {found.workers} workers, in {found.seconds:.1f} s")
    say("CPU              " + ", ".join(f"{name} {us} µs" for name, us in cpu.items()) + f" {per}")
    say(f"WAL              {found.wal_bytes} bytes {per}")
    say(f"transitions      {figures['transitions_per_interaction']} {per} ({kinds})")
    say(f"most memory      {', '.join(f'{mb} MB' for mb in found.rss_mb)} a worker")
    say(f"published        {', '.join(f'{n:,} at {at} s' for at, n in found.curve)}")


async def _latency(
    stack: EmbeddedStack, fleet: Fleet, options: argparse.Namespace
) -> dict[str, Any]:
    found = await measure_latency(
        stack,
        fleet,
        _workload(options).sendings(),
        rates=options.rates,
        seconds=options.seconds,
        partitions=PARTITIONS,
    )
    for at in found:
        say(
            f"latency          at {at.rate}/s p50 {at.p50_ms} ms, p99 {at.p99_ms} ms, at most"
            f" {at.max_ms} ms ({at.samples:,} stage changes; sent up to {at.behind_ms} ms late)"
        )
    return {"latency_ms": {str(at.rate): {"p50": at.p50_ms, "p99": at.p99_ms} for at in found}}


async def _takeover(
    stack: EmbeddedStack, fleet: Fleet, options: argparse.Namespace
) -> dict[str, Any]:
    found = await measure_takeover(
        stack, fleet, _workload(options).sendings(), rate=options.rates[0], partitions=PARTITIONS
    )
    for around in found:
        say(f"longest pause    {around.event}: moved {around.moved}, stayed {around.stayed} s")
    return {
        "takeover_pause_seconds": {
            around.event: {"moved": around.moved, "stayed": around.stayed} for around in found
        }
    }


async def _due(stack: EmbeddedStack, fleet: Fleet, options: argparse.Namespace) -> dict[str, Any]:
    found = await measure_due(
        stack,
        fleet,
        _workload(options).sendings(),
        timers=options.timers,
        rate=DUE_RATE,
        partitions=PARTITIONS,
        prepare_seconds=DUE_PREPARE_SECONDS,
    )
    say(
        f"due at once      {found.timers:,} timers fired in {found.seconds} s; interactions at"
        f" {found.rate}/s meanwhile p50 {found.p50_ms} ms, p99 {found.p99_ms} ms"
    )
    return {"due_at_once": found._asdict()}


async def _beside(
    stack: EmbeddedStack, fleet: Fleet, options: argparse.Namespace
) -> dict[str, Any]:
    found = await measure_beside(
        stack,
        fleet,
        _workload(options).sendings(),
        rate=BESIDE_RATE,
        asks=options.asks,
        seconds=BESIDE_SECONDS,
        partitions=PARTITIONS,
        log=DIRECTORY / "api.log",
    )
    for turn in (turn for pair in zip(*found, strict=True) for turn in pair):
        say(
            f"beside           {turn.asked:4} lists asked for ({turn.answer_ms} ms): worker"
            f" {turn.worker_us} µs, PostgreSQL {turn.postgres_us} µs per interaction, p50"
            f" {turn.p50_ms} ms, p99 {turn.p99_ms} ms; asking took {turn.asking_us} µs (sent up to"
            f" {turn.behind_ms} ms late; others: {turn.others_cores} cores)"
        )
    figures = ("worker_us", "postgres_us", "p50_ms", "p99_ms")
    more = {figure: round(found.more(figure), 1) for figure in figures}
    say(
        f"beside           at {BESIDE_RATE}/s, {options.asks} lists a second: "
        + ", ".join(f"{figure} {percent:+} %" for figure, percent in more.items())
    )
    return {
        "beside": {
            "rate": BESIDE_RATE,
            "lists_per_second": options.asks,
            "more_percent": more,
            "alone": [turn._asdict() for turn in found.alone],
            "asked": [turn._asdict() for turn in found.asked],
        }
    }


MEASURES: Final = {
    "throughput": _throughput,
    "latency": _latency,
    "takeover": _takeover,
    "due": _due,
    "beside": _beside,
}


def _about(options: argparse.Namespace) -> dict[str, Any]:
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "app"])
    return {
        "command": " ".join(["python -m tests.load.bench", *sys.argv[1:]]),
        "commit": commit.stdout.strip() + ("+changes" if changed.returncode else ""),
        "seed": options.seed,
        "contacts": options.contacts,
        "model": options.model,
        "cores": os.cpu_count(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in VERSIONS},
        },
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.load.bench")
    parser.add_argument("--interactions", type=int, default=1_000_000)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", type=_parts, default=list(PARTS), metavar="PART,…")
    parser.add_argument("--rates", type=_numbers, default=[2000], help="interactions/s, commas")
    parser.add_argument("--seconds", type=float, default=30.0, help="of latency, at each rate")
    parser.add_argument("--timers", type=int, default=100_000, help="due at once")
    parser.add_argument("--asks", type=int, default=20, help="lists a second, beside the lane")
    parser.add_argument("--model", default="b2b-default@1", help="or plain@1, without timers")
    parser.add_argument("--profile", action="store_true", help="sample the workers' CPU time")
    return parser.parse_args()


def _parts(text: str) -> list[str]:
    parts = text.split(",")
    if unknown := set(parts) - set(MEASURES):
        raise argparse.ArgumentTypeError(f"{unknown}: there are {', '.join(MEASURES)}")
    return parts


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    options = _options()
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # retries right after topics are made
    figures = _about(options) | uvloop.run(bench(options))
    place: Path = ROOT / "build" / "bench.json"
    place.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2))
    say(f"written to {place.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
