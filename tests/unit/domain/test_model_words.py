"""A model in words: how it differs from another, its glossary, its drawing."""

import re
from typing import Any

import pytest

from app.domain.difference import difference
from app.domain.drawing import drawing_of
from app.domain.erasure import ERASED, STAGE_WORDS, T18
from app.domain.glossary import WORDS, glossary_of
from app.domain.state import NONE
from app.models import load_definition, load_rules, names

OLD = {"name": "ours", "version": 1, "knobs": {"budget_gate": "pass"}}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ({"title": "A"}, {"title": "B"}, ["title changed from A to B"]),
        ({"terms": {"x": "9 d"}}, {"terms": {"x": "8 d"}}, ["term x changed from 9 d to 8 d"]),
        ({"knobs": {"k": "pass"}}, {"knobs": {"k": "wait"}}, ["knob k changed from pass to wait"]),
        ({"fit": {"need": 20}}, {"fit": {"need": 0}}, ["points of fit need changed from 20 to 0"]),
        ({"timers": {"t": "1 d"}}, {"timers": {}}, ["timer t removed: 1 d"]),
        ({}, {"timers": {"t": "1 d"}}, ["timer t added: 1 d"]),
        (
            {"stages": {"a": {"definition": "Old."}}},
            {"stages": {"b": {"definition": "New."}}},
            ["stage b added: New.", "stage a removed: Old."],
        ),
        (
            {"stages": {"a": {"owner": "sales", "pipeline": True}}},
            {"stages": {"a": {"owner": "marketing", "pipeline": False}}},
            [
                "stage a: owner changed from sales to marketing",
                "stage a: pipeline changed from yes to no",
            ],
        ),
        (
            {"interactions": {"demo.held": {"points": 15}}},
            {"interactions": {"demo.held": {"points": 20, "class": "sales"}}},
            [
                "interaction type demo.held: points changed from 15 to 20",
                "interaction type demo.held: class added: sales",
            ],
        ),
        (
            {"transitions": {"T2": {"guards": ["icp", "two_way_recent"]}}},
            {"transitions": {"T2": {"guards": ["icp", "budget_met"]}}},
            [
                "transition T2: guards added: budget_met",
                "transition T2: guards removed: two_way_recent",
            ],
        ),
        (
            {"transitions": {"T2": {"on": "intent"}}},
            {"transitions": {"T2": {"on": ["intent", "fact"]}}},
            ["transition T2: on added: fact"],
        ),
        (
            {"role_mailboxes": ["a", "b"]},
            {"role_mailboxes": ["b", "a"]},
            ["role mailboxes changed from a, b to b, a"],
        ),
        (
            {"business_hours": {"holidays": []}},
            {"business_hours": {"holidays": [f"2027-01-{n:02}" for n in range(1, 20)]}},
            ["business hours holidays added: 19 entries"],
        ),
        ({"version": 1, "name": "a"}, {"version": 2, "name": "b"}, []),
        ({"way": {"a": {"to": "b"}}}, {"way": {"a": {"to": ["b"]}}}, []),
    ],
)
def test_a_difference_is_told_in_words(
    old: dict[str, Any], new: dict[str, Any], words: list[str]
) -> None:
    assert [change.words() for change in difference(old, new)] == words


@pytest.mark.parametrize("name", names())
def test_a_model_does_not_differ_from_itself(name: str) -> None:
    assert difference(load_definition(name)[0], load_definition(name)[0]) == []


def test_a_preset_differs_by_what_it_says() -> None:
    changes = difference(load_definition("b2b-default@1")[0], load_definition("profile-first@1")[0])
    assert [change.words() for change in changes if change.section == "knobs"] == [
        "knob icp_unknown changed from pass to hold"
    ]


@pytest.mark.parametrize("name", names())
def test_the_glossary_tells_every_stage_transition_and_guard(name: str) -> None:
    definition, rules = load_definition(name)[0], load_rules(name)
    told = glossary_of(definition, rules)
    assert [each.stage for each in told.stages] == [*rules.stages, ERASED]
    assert all(each.definition for each in told.stages)
    by_name = {each.transition: each for each in told.transitions}
    assert by_name.keys() == {T18, *(each.id for each in rules.transitions)}
    for each in rules.transitions:
        sentence = by_name[each.id].words()
        assert each.from_stage in sentence
        assert each.to_stage in sentence
        assert all(trigger.removeprefix("timer:") in sentence for trigger in each.on)
    assert all(each.definition for each in told.transitions)


def test_erasure_is_told_of_every_model_the_same() -> None:
    told = glossary_of(load_definition("two-stage@1")[0], load_rules("two-stage@1"))
    t18 = told.transitions[-1]
    assert t18.words() == "From any stage to erased, on privacy.erasure_requested."
    assert told.stages[-1].definition == STAGE_WORDS


def test_a_transition_is_one_sentence() -> None:
    told = glossary_of(load_definition("b2b-default@1")[0], load_rules("b2b-default@1"))
    sentences = {each.transition: each.words() for each in told.transitions}
    assert sentences["T1"] == (
        "From none to lead, on one_way, two_way or intent, if human (not automated, no auto-reply)"
        " and identified (no role mailbox)."
    )
    assert sentences["T6"].startswith(
        "From opportunity to lost (in a customer's new cycle: to customer), on deal.lost, if"
        " reason_given (a reason) and no_open_deal"
    )


def test_the_words_to_say_are_none_of_those_not_to_say() -> None:
    said = {each.word for each in WORDS}
    assert len(said) == len(WORDS) == 14
    assert not said & {word for each in WORDS for word in each.instead_of}


ARROW = re.compile(r"    (\S+) --> (\S+): (\S+) on [^:;]+")


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("with_overrides", [False, True])
def test_the_drawing_has_every_move_of_the_machine_and_no_other(
    name: str, with_overrides: bool
) -> None:
    rules = load_rules(name)
    lines = drawing_of(rules, with_overrides=with_overrides).split("\n")
    assert lines[0] == "stateDiagram-v2"
    drawn = [ARROW.fullmatch(line) for line in lines if " --> " in line and "--> [*]" not in line]
    assert {match and match.groups() for match in drawn} == {
        ("[*]" if each.from_stage == NONE else each.from_stage, each.to_stage, each.id)
        for each in rules.transitions
        if with_overrides or not each.is_override
    }
    for stage in rules.stages:
        assert f'    state "{stage}" as {stage}' in lines


def test_an_override_that_is_not_drawn_is_named() -> None:
    drawing = drawing_of(load_rules("b2b-default@1"))
    assert "%% T17 leads from anywhere to anywhere" in drawing
    assert "T17" not in drawing.replace("%% T17", "")
