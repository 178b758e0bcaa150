"""The shipped rules with their times divided: expressions and thresholds stay as they are.

Only durations change, those of ``for:`` and of ranges (``[10m]``), all by one factor.
"""

import re
from pathlib import Path
from typing import Any, Final

import yaml

RULES: Final = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules.yaml"
_UNITS_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION: Final = re.compile(r"(\d+)(ms|[smhd])")
_RANGE: Final = re.compile(r"\[(\d+(?:ms|[smhd]))\]")


def shortened(rules: str, factor: int) -> str:
    """YAML; each duration of the rules is `factor` times shorter."""
    read: dict[str, Any] = yaml.safe_load(rules)
    for group in read["groups"]:
        for rule in group["rules"]:
            rule["expr"] = _RANGE.sub(lambda found: f"[{_divided(found[1], factor)}]", rule["expr"])
            if "for" in rule:
                rule["for"] = _divided(rule["for"], factor)
    return yaml.safe_dump(read, sort_keys=False)


def _divided(duration: str, factor: int) -> str:
    found = _DURATION.fullmatch(duration)
    assert found is not None, f"{duration}: one number and one unit are expected"
    milliseconds, rest = divmod(int(found[1]) * _UNITS_MS[found[2]], factor)
    assert not rest, f"{duration} can't be divided by {factor}"
    return f"{milliseconds}ms"
