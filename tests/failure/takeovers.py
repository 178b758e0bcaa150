"""What the workers' logs say about takeovers: how many, how many fenced, how many republished."""

import json
from collections import Counter
from pathlib import Path


def count_takeovers(logs: Path) -> Counter[str]:
    tally: Counter[str] = Counter()
    for log in logs.glob("worker-*.log"):
        for line in log.read_text(errors="replace").splitlines():
            if '"partition_taken"' not in line:
                continue
            told = json.loads(line)
            tally["takeovers"] += 1
            tally["takeovers_fencing"] += bool(told["fenced"])
            tally["takeovers_republishing"] += told["republished"] > 0
    return tally
