"""Every metric of the service: name, kind, labels, meaning. Dashboards and alerts rely on these.

Never a contact id as a label; times in seconds.
"""

from typing import Final, Literal

import msgspec

from app.domain.reasons import Reason

PREFIX: Final = "funnel_"

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TAKEOVER = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
_AGE = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0, 60.0, 600.0, 3600.0, 86_400.0, 604_800.0)
_COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 4000, 8000)


class Metric(msgspec.Struct, frozen=True):
    name: str
    """Without the prefix; a counter's ends in ``_total``."""
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    known: tuple[str, ...] = ()
    """Of its one label, values that are there from the start: to Prometheus a counter that begins
    at a thousand is no increase."""

    @property
    def attribute(self) -> str:
        """Its name on `Metrics`."""
        return self.name.removesuffix("_total")


CATALOGUE: Final = (
    Metric("interactions_received_total", "counter", "Records fetched", ("topic",)),
    Metric(
        "interactions_handled_total",
        "counter",
        "Records decided on: applied, duplicate, late, ignored, forwarded, dead_letter, erased",
        ("outcome",),
        known=("applied", "duplicate", "late", "ignored", "forwarded", "dead_letter", "erased"),
    ),
    Metric(
        "forwarded_total",
        "counter",
        "Records that came on a partition that is not their contact's home",
        ("source",),
    ),
    Metric("transitions_total", "counter", "Moves between stages decided", ("model", "from", "to")),
    Metric("contacts", "gauge", "Contacts by the stage they are in", ("stage",)),
    Metric(
        "dead_letters_total",
        "counter",
        "Records that can't be processed",
        ("reason",),
        known=tuple(Reason),
    ),
    Metric(
        "consumer_lag", "gauge", "Records whose effects are not published", ("topic", "partition")
    ),
    Metric("apply_lag", "gauge", "Records not applied to PostgreSQL", ("topic", "partition")),
    Metric(
        "published_offset",
        "gauge",
        "Next offset to publish the effects of: while records wait, it moves",
        ("topic", "partition"),
    ),
    Metric(
        "interaction_age_seconds",
        "histogram",
        "Event time of an interaction to its effects published",
        buckets=_AGE,
    ),
    Metric(
        "intent_to_opportunity_seconds",
        "histogram",
        "Time of a live intent to the opportunity decided",
        buckets=_AGE,
    ),
    Metric(
        "oldest_unapplied_intent_seconds",
        "gauge",
        "Age, by its arrival, of the oldest intent read and not applied; 0: none waits",
    ),
    Metric("apply_seconds", "histogram", "One PostgreSQL transaction of a batch", buckets=_FAST),
    Metric("publish_seconds", "histogram", "One Kafka transaction", buckets=_FAST),
    Metric("batch_size", "histogram", "Records in a batch", buckets=_COUNTS),
    Metric("outbox_batches", "gauge", "Batches applied and not yet published", ("lane",)),
    Metric(
        "outbox_oldest_seconds", "gauge", "Age of the oldest batch not yet published", ("lane",)
    ),
    Metric("takeovers_total", "counter", "Partitions taken over"),
    Metric("takeover_seconds", "histogram", "Assigned to first record accepted", buckets=_TAKEOVER),
    Metric(
        "partitions_halted", "gauge", "Partitions that wait for `funnel lane resume`", ("lane",)
    ),
    Metric("fences_total", "counter", "Predecessors fenced"),
    Metric("rebalances_total", "counter", "Group rebalances seen"),
    Metric("incarnations_total", "counter", "Lives of the lane, by why it began", ("reason",)),
    Metric("timers_due", "gauge", "Contacts found with a timer due: a full batch while many wait"),
    Metric(
        "timers_late_seconds",
        "histogram",
        "A contact's timers due to their effects applied",
        buckets=_AGE,
    ),
    Metric("sla_breaches_total", "counter", "Service-level clocks that ran out", ("timer",)),
    Metric("stream_clients", "gauge", "Who listens to the live stream"),
    Metric(
        "stream_ends_total",
        "counter",
        "Live streams that were ended from here: too_slow, stopping, restarted, renew, unavailable",
        ("reason",),
    ),
    Metric(
        "live_failures_total",
        "counter",
        "Parts of the live view that failed and began anew: counts, stream, reader",
        ("part",),
    ),
    Metric(
        "webhook_deliveries_total",
        "counter",
        "Attempts to deliver to webhooks: delivered, failed (tried again later), dead",
        ("outcome",),
        known=("delivered", "failed", "dead"),
    ),
    Metric("webhook_deliveries_pending", "gauge", "Deliveries to webhooks that wait, of all"),
    Metric("database_pool_used", "gauge", "Connections of the API's pool that are in use"),
    Metric("database_pool_max", "gauge", "Connections the API's pool may open; 0: no API"),
    Metric("ready", "gauge", "1 while /readyz says yes"),
    Metric("build_info", "gauge", "Always 1; the release is in its labels", ("version", "python")),
)
