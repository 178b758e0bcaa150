"""What a batch of decisions adds to the metrics of moves."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.handling.tally import Tally
from app.models import load_rules
from app.telemetry.metrics import Metrics

RULES = load_rules("b2b-default@1")
NOW = 10_000_000


def move(**different: Any) -> Any:
    given = {"model": "m@1", "from_stage": "prospect", "to_stage": "opportunity", "late": False}
    cause = SimpleNamespace(type=different.pop("type", "demo.requested"))
    return SimpleNamespace(**given | {"effective_at": NOW - 2_500_000, "cause": cause} | different)


@pytest.mark.parametrize(
    ("different", "counted"),
    [
        ({}, 1),
        ({"late": True}, 0),
        ({"to_stage": "lead"}, 0),
        ({"type": "newsletter.signed_up"}, 0),
        ({"type": "timer:stale"}, 0),
    ],
)
def test_time_from_a_live_intent_to_its_opportunity(
    different: dict[str, Any], counted: int
) -> None:
    metrics = Metrics()
    Tally(metrics, []).moved(move(**different), RULES, NOW)
    name = "funnel_intent_to_opportunity_seconds"
    assert metrics.registry.get_sample_value(f"{name}_count") == counted
    assert metrics.registry.get_sample_value(f"{name}_sum") == 2.5 * counted
