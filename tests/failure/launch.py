"""Starts the service's command line for a chaos run: notes failpoints that fire, applies a mutant.

CHAOS_HITS names a file that gets one line for each failpoint that fires. CHAOS_ONCE arms
failpoints that fire at their n-th hit and never again: ``name=action:n[:seconds]``, with commas.
CHAOS_MUTANT breaks the protocol on purpose. The service itself knows nothing of this.
"""

import os
import random
from collections import Counter

from app import failpoints
from app.failpoints import Failpoint
from tests.failure import mutants


def main() -> None:
    _watch_failpoints()
    if mutant := os.environ.get("CHAOS_MUTANT"):
        mutants.apply(mutant)
    from app.cli.main import main as funnel

    funnel()


def _watch_failpoints() -> None:
    """Every armed failpoint carries its own name to `_fire`, in the text of its action."""
    fire = failpoints._fire
    log = os.open(os.environ["CHAOS_HITS"], os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    hits: Counter[str] = Counter()

    def noted(action: str, probability: float, seconds: float) -> None:
        name, action, fires_at = action.split("|")
        hits[name] += 1
        is_due = hits[name] == int(fires_at) if fires_at else random.random() < probability
        if is_due:
            os.write(log, f"{name} {action} {os.getpid()}\n".encode())
            fire(action, 1.0, seconds)

    for point, (action, probability, seconds) in failpoints._armed.items():
        failpoints._armed[point] = f"{point}|{action}|", probability, seconds
    for part in filter(None, os.environ.get("CHAOS_ONCE", "").split(",")):
        name, _, rest = part.partition("=")
        action, fires_at, *numbers = rest.split(":")
        seconds = float(numbers[0]) if numbers else 1.0
        failpoints._armed[Failpoint(name)] = f"{name}|{action}|{fires_at}", 1.0, seconds
    failpoints._fire = noted


if __name__ == "__main__":
    main()
