"""Alerts, dashboard and runbooks: they speak of metrics that exist, and of one another."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from app.telemetry.catalogue import CATALOGUE, PREFIX

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
RULES: Final[list[dict[str, Any]]] = yaml.safe_load(
    (DEPLOY / "prometheus" / "rules.yaml").read_text()
)["groups"][0]["rules"]
CASES: Final = (DEPLOY / "prometheus" / "rules_test.yaml").read_text()
PANELS: Final[list[dict[str, Any]]] = json.loads((DEPLOY / "grafana" / "funnel.json").read_text())[
    "panels"
]

COMING: Final = {"webhook_deliveries_total", "stream_clients"}
"""Public names of parts that bring their metrics with them."""

SCRAPED: Final = {"instance"}
"""Labels that Prometheus adds."""

_PUBLIC: Final = """
interactions_received_total interactions_handled_total forwarded_total transitions_total
contacts dead_letters_total consumer_lag apply_lag interaction_age_seconds
intent_to_opportunity_seconds oldest_unapplied_intent_seconds apply_seconds publish_seconds
batch_size outbox_batches outbox_oldest_seconds takeovers_total takeover_seconds fences_total
rebalances_total incarnations_total timers_due timers_late_seconds sla_breaches_total
webhook_deliveries_total stream_clients ready build_info
"""
"""What others may build on: changing one is a breaking change."""


def exposed() -> dict[str, tuple[str, ...]]:
    """Every series' name, with its labels."""
    names = {
        "webhook_deliveries_total": ("outcome",),
        "stream_clients": (),
    }
    for metric in CATALOGUE:
        if metric.kind == "histogram":
            names[f"{metric.name}_bucket"] = (*metric.labels, "le")
            names[f"{metric.name}_sum"] = names[f"{metric.name}_count"] = metric.labels
        else:
            names[metric.name] = metric.labels
    return {PREFIX + name: labels for name, labels in names.items()}


EXPRESSIONS: Final = [
    *(pytest.param(rule["expr"], id=rule["alert"]) for rule in RULES),
    *(
        pytest.param(target["expr"], id=panel["title"])
        for panel in PANELS
        for target in panel.get("targets", [])
    ),
]


def test_public_metrics_are_in_the_catalogue() -> None:
    assert set(_PUBLIC.split()) - {metric.name for metric in CATALOGUE} <= COMING


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_is_asked_for_is_there(expression: str) -> None:
    names = re.findall(r"\bfunnel_\w+", expression)
    assert names
    assert set(names) <= set(exposed())


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_labels_that_are_grouped_by_are_there(expression: str) -> None:
    known = {label for name in re.findall(r"\bfunnel_\w+", expression) for label in exposed()[name]}
    grouped = re.findall(r"\bby \(([^)]*)\)", expression)
    assert {label.strip() for group in grouped for label in group.split(",")} <= known | SCRAPED


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_every_alert_has_its_page_and_its_cases(rule: dict[str, Any]) -> None:
    page = (DEPLOY.parent / rule["annotations"]["runbook"]).read_text()
    assert page.startswith(f"# {rule['alert']}\n")
    for heading in ("## What it means", "## How to look", "## What to do"):
        assert heading in page
    assert f"name: {rule['alert']} fires" in CASES
    assert f"name: {rule['alert']} is quiet" in CASES
    assert rule["labels"]["severity"] in ("page", "ticket")


@pytest.mark.parametrize("page", sorted(DEPLOY.glob("**/*.md")), ids=lambda page: page.name)
def test_links_of_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_panels_have_their_own_place() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_each_alert_fires_when_it_must_and_only_then() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    for arguments in (["check", "rules", "rules.yaml"], ["test", "rules", "rules_test.yaml"]):
        done = subprocess.run(
            [promtool, *arguments], cwd=DEPLOY / "prometheus", capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
