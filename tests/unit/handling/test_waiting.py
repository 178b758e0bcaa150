import asyncio

from app.handling.batch import DecidedBatch
from app.handling.decider import intents_of
from app.handling.waiting import Waiting, measure_waiting
from app.models import load_rules
from app.telemetry.metrics import Metrics


def batch(number: int, oldest_intent: int | None) -> DecidedBatch:
    return DecidedBatch(number=number, decided_at=0, fetched=[], oldest_intent=oldest_intent)


def test_the_oldest_is_that_of_what_is_not_applied() -> None:
    waiting = Waiting()
    batches = [batch(1, 500), batch(2, None), batch(3, 400)]
    for each in batches:
        waiting.decided(each)
    seen = [waiting.oldest()]
    for each in batches:
        waiting.applied(each)
        seen.append(waiting.oldest())
    assert seen == [400, 400, 400, None]


async def test_its_age_is_a_metric_and_nothing_that_waits_is_zero() -> None:
    waiting, metrics = Waiting(), Metrics()
    waiting.decided(batch(1, 2_000_000))
    shown = []
    for _ in range(2):
        measuring = asyncio.create_task(measure_waiting(waiting, metrics, lambda: 5_500_000))
        await asyncio.sleep(0)
        shown.append(metrics.registry.get_sample_value("funnel_oldest_unapplied_intent_seconds"))
        measuring.cancel()
        waiting.applied(batch(1, None))
    assert shown == [3.5, 0.0]


def test_intents_are_what_the_model_says() -> None:
    intents = intents_of(load_rules("b2b-default@1"))
    assert {"demo.requested", "pricing.requested"} <= intents
    assert "newsletter.signed_up" not in intents
