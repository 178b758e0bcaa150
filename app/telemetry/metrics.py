"""The metrics of one process, built from the catalogue into a registry of their own."""

import platform

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from app import __version__
from app.telemetry.catalogue import CATALOGUE, PREFIX, Metric


class Metrics:
    """One attribute for each metric: its name without the prefix and without ``_total``.

    Hot paths keep the child that `labels` returns; the look-up costs about a microsecond.
    """

    interactions_received: Counter
    interactions_handled: Counter
    forwarded: Counter
    transitions: Counter
    contacts: Gauge
    dead_letters: Counter
    consumer_lag: Gauge
    apply_lag: Gauge
    published_offset: Gauge
    interaction_age_seconds: Histogram
    intent_to_opportunity_seconds: Histogram
    oldest_unapplied_intent_seconds: Gauge
    apply_seconds: Histogram
    publish_seconds: Histogram
    batch_size: Histogram
    outbox_batches: Gauge
    outbox_oldest_seconds: Gauge
    takeovers: Counter
    takeover_seconds: Histogram
    partitions_halted: Gauge
    fences: Counter
    rebalances: Counter
    incarnations: Counter
    timers_due: Gauge
    timers_late_seconds: Histogram
    sla_breaches: Counter
    stream_clients: Gauge
    stream_ends: Counter
    live_failures: Counter
    webhook_deliveries: Counter
    webhook_deliveries_pending: Gauge
    database_pool_used: Gauge
    database_pool_max: Gauge
    ready: Gauge
    build_info: Gauge

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        for metric in CATALOGUE:
            built = _build(metric, self.registry)
            setattr(self, metric.attribute, built)
            for value in metric.known:
                built.labels(value)
        ProcessCollector(registry=self.registry)
        self.build_info.labels(__version__, platform.python_version()).set(1)

    def exposition(self) -> bytes:
        """All of them in Prometheus's text format."""
        return generate_latest(self.registry)


def _build(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    name = PREFIX + metric.name
    match metric.kind:
        case "counter":
            return Counter(name, metric.meaning, metric.labels, registry=registry)
        case "gauge":
            return Gauge(name, metric.meaning, metric.labels, registry=registry)
        case "histogram":
            return Histogram(
                name, metric.meaning, metric.labels, registry=registry, buckets=metric.buckets
            )
