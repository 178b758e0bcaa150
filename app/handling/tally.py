"""What a batch adds to the metrics: counted plainly, reported once."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from app.domain.changes import Change
from app.domain.interaction import Microseconds
from app.domain.rules import Rules
from app.domain.state import OPPORTUNITY
from app.handling.batch import Fetched
from app.telemetry.metrics import Metrics

SOURCE_LABELS_MAX: Final = 100


class Tally:
    def __init__(self, metrics: Metrics, topics: Sequence[str]) -> None:
        self._metrics = metrics
        self._topics = topics
        self._sources: set[str] = set()
        """Producers named in the metrics so far."""
        self.outcomes: Counter[str] = Counter()
        self.moves: Counter[tuple[str, str, str]] = Counter()
        """(model, from, to)"""
        self.breaches: Counter[str] = Counter()
        """By timer."""

    def forwarded(self, source: str) -> None:
        self.outcomes["forwarded"] += 1
        self._metrics.forwarded.labels(self.source_label(source)).inc()

    def moved(self, told: Change, rules: Rules, now: Microseconds) -> None:
        self.moves[told.model, told.from_stage, told.to_stage] += 1
        if told.to_stage == OPPORTUNITY and not told.late:
            cause = rules.types.get(told.cause.type)
            if cause is not None and cause.may_be_intent:
                seconds = max(0, now - told.effective_at) / 1_000_000
                self._metrics.intent_to_opportunity_seconds.observe(seconds)

    def source_label(self, source: str) -> str:
        """Producers choose their names: a metric must not grow with them."""
        if source in self._sources or len(self._sources) < SOURCE_LABELS_MAX:
            self._sources.add(source)
            return source
        return "other"

    def report(self, fetched: Fetched) -> None:
        """Metrics once a batch: a label look-up costs about a microsecond."""
        received: Counter[int] = Counter()
        for _, records in fetched:
            for record in records:
                received[record.topic] += 1
        for topic, n in received.items():
            self._metrics.interactions_received.labels(self._topics[topic]).inc(n)
        for outcome, n in self.outcomes.items():
            if n:
                self._metrics.interactions_handled.labels(outcome).inc(n)
        for move, n in self.moves.items():
            self._metrics.transitions.labels(*move).inc(n)
        for timer, n in self.breaches.items():
            self._metrics.sla_breaches.labels(timer).inc(n)
        self.outcomes.clear()
        self.moves.clear()
        self.breaches.clear()
