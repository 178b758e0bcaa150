"""What is drawn for pages, and how values are written."""

import pytest

from app.api.ui.chart_drawing import draw
from app.api.ui.silhouette import silhouette
from app.api.ui.throughput import Throughput
from app.api.ui.words import number, share, span
from app.models import load_rules, names


@pytest.mark.parametrize("name", names())
def test_every_model_is_drawn_whole_and_within_its_frame(name: str) -> None:
    rules = load_rules(name)
    drawing = draw(rules)
    assert {box.stage for box in drawing.boxes} == {"none", *rules.stages}
    expected = {
        (each.from_stage, each.to_stage)
        for each in rules.transitions
        if not each.is_override and each.from_stage != each.to_stage
    }
    assert {(edge.from_stage, edge.to_stage) for edge in drawing.edges} == expected
    for box in drawing.boxes:
        assert 0 < box.x < drawing.width
        assert 0 < box.y < drawing.height
    for edge in drawing.edges:
        assert 0 < edge.label_at[0] < drawing.width
        assert 0 < edge.label_at[1] < drawing.height


def test_labels_of_the_default_model_cover_no_stage() -> None:
    drawing = draw(load_rules("b2b-default@1"))
    for edge in drawing.edges:
        x, y = edge.label_at
        assert not any(
            abs(x - box.x) < 70 and abs(y - box.y) < 25
            for box in drawing.boxes
            if box.stage != "none"
        ), edge


def test_an_empty_funnel_has_an_outline() -> None:
    assert len(silhouette([("lead", 0), ("prospect", 0)]).bands) == 2
    assert silhouette([]).bands == []


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(8, "8 s"), (90, "1 min"), (3_700, "1 h 1 min"), (90_000, "1 d 1 h"), (1_000_000, "11 d")],
)
def test_lengths_have_two_units_at_most(seconds: float, told: str) -> None:
    assert span(seconds).startswith(told.split(" d ")[0])


def test_numbers_are_written_for_people() -> None:
    assert [number(each) for each in (1234, 12.54, None)] == ["1,234", "12.5", "–"]
    assert [share(each) for each in (0.382, 0.051, None, 0)] == ["38%", "5.1%", "–", "0%"]


def test_throughput_is_of_the_last_minute() -> None:
    now = 0.0
    rate = Throughput(lambda: now)
    rate.saw(100)
    assert rate.per_second() is None
    now = 10.0
    rate.saw(600)
    assert rate.per_second() == 50
    rate.saw(0)  # the topics were made anew
    assert rate.per_second() is None
