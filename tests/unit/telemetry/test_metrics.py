from typing import get_type_hints

import pytest
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from app.telemetry.catalogue import CATALOGUE, PREFIX, Metric
from app.telemetry.metrics import Metrics

KINDS = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}


def test_every_metric_of_the_catalogue_has_its_typed_attribute_and_no_other() -> None:
    assert get_type_hints(Metrics) == {m.attribute: KINDS[m.kind] for m in CATALOGUE}


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda m: m.name)
def test_metric_is_exposed_under_its_public_name(metric: Metric) -> None:
    metrics = Metrics()
    child = getattr(metrics, metric.attribute)
    if metric.labels:
        child.labels(*("x" for _ in metric.labels))
    exposed = {f.name for f in text_string_to_metric_families(metrics.exposition().decode())}
    assert PREFIX + metric.name.removesuffix("_total") in exposed


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda m: m.name)
def test_only_counters_end_in_total(metric: Metric) -> None:
    assert (metric.kind == "counter") == metric.name.endswith("_total")


def test_no_label_can_name_a_contact() -> None:
    labels = {label for metric in CATALOGUE for label in metric.labels}
    assert not labels & {"contact", "contact_id", "key", "subject", "email"}


def test_two_sets_of_metrics_share_nothing() -> None:
    one, other = Metrics(), Metrics()
    one.rebalances.inc()
    assert one.registry.get_sample_value("funnel_rebalances_total") == 1
    assert other.registry.get_sample_value("funnel_rebalances_total") == 0
