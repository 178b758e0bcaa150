"""Fuzz the API, on a stack of its own: ``make fuzz``.

    python -m tests.fuzz.run [--minutes 5] [--seed 1]

A worker and the API run as processes; schemathesis asks every operation, alone and in chains along
the links of the description. Exit code 1: something was wrong, or an operation never did anything.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx

from app.api.principal import Scope
from app.runtime.embedded.stack import embedded_stack
from tests.fuzz.asking import Fuzzed, fuzz
from tests.fuzz.generating import LEFT_OUT, LONG, UNMADE, Identity, Plan
from tests.fuzz.installation import ROOT, installed
from tests.fuzz.traffic import HALTED, add_deliveries, send_traffic
from tests.load.about import about
from tests.scenario.serving import bearer, token

RESULT: Final = ROOT / "build" / "fuzz.json"
POISON: Final = 60
STOP_AFTER: Final = 50
OWN: Final = Identity("fuzz", "fuzz")
OTHER: Final = Identity("neighbour", "neighbour")
OF_ALL_TENANTS: Final = (Scope.OPS_READ, Scope.OPS_WRITE)


def tokens() -> str:
    """The neighbour's lacks the scopes that are of the whole service, not of a tenant."""
    apart = [each for each in Scope if each not in OF_ALL_TENANTS]
    return json.dumps(
        [token(*OWN[:1], list(Scope), OWN.tenant), token(OTHER.token, apart, OTHER.tenant)]
    )


async def run(plan: Plan) -> tuple[Fuzzed, list[str]]:
    """And what the processes logged as errors."""
    with tempfile.TemporaryDirectory(prefix="funnel-fuzz-") as name:
        os.chmod(name, 0o755)  # PostgreSQL's own account must reach it
        directory = Path(name)
        async with (
            embedded_stack(directory, progress=_say) as stack,
            installed(
                stack.bootstrap_servers,
                stack.database_url,
                directory,
                FUNNEL_API__TOKENS=tokens(),
                FUNNEL_DEAD_LETTERS__STOP_AFTER_CONSECUTIVE=str(STOP_AFTER),
            ) as (installation, url),
        ):
            async with httpx.AsyncClient(base_url=url, headers=bearer(OWN.token)) as client:
                servers = stack.bootstrap_servers
                there = await send_traffic(client, servers, poison=POISON, letters=STOP_AFTER)
                known = there, await add_deliveries(client), HALTED
            found = await asyncio.to_thread(fuzz, url, plan, directory, (OWN, OTHER), known)
            return found, installation.errors()


def report(found: Fuzzed, errors: list[str], plan: Plan, seconds: float) -> dict[str, Any]:
    return {
        **about("tests.fuzz.run", plan.seed),
        "examples": plan.examples,
        "seconds": round(seconds),
        "operations": len(found.operations),
        "cases": found.cases,
        "phases": dict(found.phases),
        "checks": dict(sorted(found.checks.items())),
        "statuses": {
            each: {str(status): n for status, n in sorted(found.statuses[each].items(), key=str)}
            for each in found.operations
        },
        "left_out": LEFT_OUT,
        "unmade": UNMADE,
        "never_done": found.never_done,
        "faults": [fault._asdict() for fault in found.faults.values()],
        "errors": [*found.errors, *errors],
    }


def tell(figures: dict[str, Any]) -> None:
    for operation, statuses in figures["statuses"].items():
        _say(f"{operation:72} " + "  ".join(f"{each} {n}" for each, n in statuses.items()))
    for each in figures["faults"]:
        _say(f"\n✗ {each['check']}: {each['operation']}: {each['what']}\n{each['told']}")
        _say(f"  {each['request']}\n  {each['answer']}")
    for each in figures["errors"]:
        _say(f"\n✗ {each}")
    for each in figures["never_done"]:
        _say(f"✗ {each}: was never answered with 2xx")
    _say(
        f"\n{figures['operations']} operations, {figures['cases']:,} cases,"
        f" {sum(figures['checks'].values()):,} checks in {figures['seconds']} s:"
        f" {len(figures['faults'])} faults -> {RESULT.relative_to(ROOT)}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=5.0, help="it goes on for so long")
    parser.add_argument("--examples", type=int, default=30, help="of each operation, in a round")
    parser.add_argument("--chains", type=int, default=200, help="of operations, in a round")
    parser.add_argument("--phases", default=",".join(LONG))
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    seconds = round(given.minutes * 60)
    phases = tuple(given.phases.split(","))
    plan = Plan(phases, given.examples, given.chains, given.seed, seconds)
    began = time.monotonic()
    found, errors = asyncio.run(run(plan))
    figures = report(found, errors, plan, time.monotonic() - began)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    tell(figures)
    return int(any(figures[name] for name in ("faults", "errors", "never_done")))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
