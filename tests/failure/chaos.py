"""`make chaos`: a live system under kill -9, zombies, restarts and outages, then judged.

    python -m tests.failure.chaos [--seed N] [--seconds S] [--interactions N]
    python -m tests.failure.chaos --mutants           break the protocol on purpose; must be caught

Writes build/chaos.json. Exit code 1 unless every count of violations is 0 and every failpoint of
takeover, apply and publish has fired (for mutants: unless each was caught).
"""

import argparse
import asyncio
import json
import platform
import random
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.failure.fleet import ROOT
from tests.failure.mutants import MUTANTS, scale_of
from tests.failure.run import FULL, Outcome, run_chaos

RESULT = ROOT / "build" / "chaos.json"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    seed = options.seed if options.seed is not None else random.randrange(10**6)
    command = "python -m tests.failure.chaos " + " ".join(arguments or sys.argv[1:])
    command = command.strip()
    figures = _load()
    origin = {"commit": _commit(), "versions": _versions(), "seed": seed, "command": command}
    if options.mutants or options.mutant:
        names = [options.mutant] if options.mutant else list(MUTANTS)
        caught = {name: _try_mutant(name, seed) for name in names}
        figures["mutants"] = figures.get("mutants", {}) | caught
        figures["mutants_run"] = origin
        is_good = all(caught.values())
    else:
        scale = FULL._replace(interactions=options.interactions, seconds=options.seconds)
        outcome = asyncio.run(run_chaos(seed, scale, ROOT / "build" / "chaos"))
        kept = {name: figures[name] for name in ("mutants", "mutants_run") if name in figures}
        figures = origin | outcome.figures() | {"mutants": {}} | kept
        _show(outcome)
        is_good = outcome.report.is_clean and not outcome.unfired
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    return 0 if is_good else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="of traffic and faults; default: random")
    parser.add_argument("--interactions", type=int, default=FULL.interactions)
    parser.add_argument("--seconds", type=float, default=FULL.seconds, help="of traffic and faults")
    parser.add_argument("--mutant", choices=MUTANTS, help="run one broken protocol")
    parser.add_argument("--mutants", action="store_true", help="run each broken protocol")
    return parser.parse_args(arguments)


def _try_mutant(name: str, seed: int) -> str:
    """By what the mutant was caught; empty when it was not."""
    directory = ROOT / "build" / f"chaos-{name}"
    outcome = asyncio.run(run_chaos(seed, scale_of(name), directory, mutant=name))
    _show(outcome)
    return ", ".join(f"{kind} {count}" for kind, count in outcome.report.counts.items() if count)


def _show(outcome: Outcome) -> None:
    console = Console()
    for kind in outcome.report.counts:
        for violation in [v for v in outcome.report.violations if v.kind == kind][:5]:
            console.print(f"{violation.kind}: {violation.what}", markup=False, highlight=False)
    if outcome.unfired:
        console.print(f"failpoints that never fired: {', '.join(outcome.unfired)}")
    for text in outcome.unexpected[:10]:
        console.print(text, markup=False, highlight=False)
    table = Table("", "")
    for name, value in outcome.figures().items():
        if not isinstance(value, dict | list):
            table.add_row(name, str(value))
    console.print(table)


def _load() -> dict[str, Any]:
    return json.loads(RESULT.read_text()) if RESULT.exists() else {}


def _commit() -> str:
    git = ["git", "rev-parse", "--short", "HEAD"]
    asked = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def _versions() -> dict[str, str]:
    packages = ("aiokafka", "asyncpg", "faust-streaming", "transitions")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


if __name__ == "__main__":
    sys.exit(main())
