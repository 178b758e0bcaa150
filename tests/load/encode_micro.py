"""CPU per record of encoding: python -m tests.load.encode_micro [records]"""

import sys
import time
from collections.abc import Callable

from tests.unit.outbound.decisions import CHANGE, DECIDED_AT, VIEW, change, encoder


def measure(work: Callable[[int], object], n: int) -> float:
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for i in range(n):
            work(i)
        best = min(best, time.process_time() - began)
    return best / n * 1e6


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    made = encoder()
    alone = change(opportunity=None)

    def one(i: int) -> object:
        return made.change("default", f"crm-{i}", 3, DECIDED_AT + i * 1000, alone)

    def two(i: int) -> object:
        return made.change("default", f"crm-{i}", 3, DECIDED_AT + i * 1000, CHANGE)

    def snapshot(i: int) -> object:
        return made.snapshot(
            "default", f"crm-{i}", 3, DECIDED_AT + i * 1000, 3, i, VIEW, "b2b-default@1"
        )

    for name, work in (
        ("stage change", one),
        ("stage change and opportunity", two),
        ("snapshot", snapshot),
    ):
        print(f"{name:30} {measure(work, n):6.2f} µs")  # noqa: T201 - a script for people


if __name__ == "__main__":
    main()
