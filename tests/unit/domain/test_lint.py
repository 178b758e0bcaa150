"""Every rule of the linter has a model that breaks it, and is told where and how to mend it."""

from pathlib import Path
from typing import NamedTuple

import pytest

from app.domain.finding import Finding
from app.domain.lint import ARMED_IN, lint
from app.domain.timers import STAGE_TIMERS
from app.errors import ModelError
from app.models import load_definition, locating, names, rules_of

HEAD = "name: wrong\nversion: 1\nextends: b2b-default@1\n"


class Broken(NamedTuple):
    rule: str
    model: str
    """What is laid over b2b-default@1, from line 4 on."""
    line: int
    says: str
    mend: str


WAITING = """\
stages:
  waiting:
    definition: Waits for better times.
    kind: detour
"""

BROKEN = {
    "a stage that nothing leads to": Broken(
        "unreachable",
        WAITING + "transitions:\n  X1: {from: waiting, to: lead, on: two_way, priority: forward}\n",
        5,
        "stages.waiting: no transition leads here but an override",
        "add a transition to `waiting`, or remove the stage",
    ),
    "a stage that only an override leads to": Broken(
        "unreachable",
        WAITING
        + "transitions:\n  X1: {from: waiting, to: lead, on: two_way, priority: forward}\n"
        + "  T17: {to: [lead, prospect, opportunity, customer, lost, recycled, waiting]}\n",
        5,
        "stages.waiting: no transition leads here but an override",
        "add a transition to `waiting`",
    ),
    "a stage that nothing leads on from": Broken(
        "dead end",
        WAITING + "transitions:\n  X1: {from: lead, to: waiting, on: sales, priority: detour}\n",
        5,
        "stages.waiting: no transition leads on from here",
        "add a transition from `waiting`, or give it the kind terminal",
    ),
    "two ways for one event": Broken(
        "no priority",
        "transitions:\n"
        "  X1: {from: prospect, to: recycled, on: webinar.attended, priority: forward}\n"
        "  X2: {from: prospect, to: lost, on: one_way, priority: forward}\n",
        6,
        "transitions.X2: `webinar.attended` in `prospect` may enable this and X1",
        "give one another `priority`, or both guards that exclude each other",
    ),
    "two ways for one timer": Broken(
        "no priority",
        "transitions:\n  X1: {from: lead, to: lost, on: timer:lead_dormant, priority: detour}\n",
        5,
        "transitions.X1: `timer:lead_dormant` in `lead` may enable this and T10",
        "give one another `priority`",
    ),
    "a profile gate that says nothing": Broken(
        "gate without a default",
        "knobs:\n  icp_unknown: null\n",
        5,
        "knobs.icp_unknown: the guard icp asks it, and it does not say what unknown means",
        "add `icp_unknown: pass`, or `hold`",
    ),
    "a budget gate that says nothing": Broken(
        "gate without a default",
        "knobs:\n  budget_gate: null\n",
        5,
        "knobs.budget_gate: the guard not_blocked asks it",
        "add `budget_gate: pass`, or `wait`",
    ),
    "an authority gate that says nothing": Broken(
        "gate without a default",
        "knobs:\n  authority_gate: null\n",
        5,
        "knobs.authority_gate: the guard not_blocked asks it",
        "add `authority_gate: pass`, or `wait`",
    ),
    "a timer that moves nothing": Broken(
        "timer without an exit",
        "transitions:\n  T9: null\ntimers:\n  prospect_idle: 10 d\n",
        7,
        "timers.prospect_idle: it is due, and moves nothing",
        "add a transition from `prospect` on `timer:prospect_idle`, or write `prospect_idle: null`",
    ),
    "a transition on a timer that is off": Broken(
        "timer without an exit",
        "timers:\n  lost_cooldown: null\ntransitions:\n  T7:\n    definition: Later.\n",
        7,
        "transitions.T7: the timer lost_cooldown never fires in `lost`",
        "add `lost_cooldown: 30 d` to `timers`",
    ),
    "a transition on another stage's timer": Broken(
        "timer without an exit",
        "transitions:\n"
        "  X1: {from: customer, to: recycled, on: timer:opp_stale, priority: detour}\n",
        5,
        "transitions.X1: the timer opp_stale never fires in `customer`",
        "take `customer` from `from`: the timer runs in `opportunity`",
    ),
    "a lead in the pipeline": Broken(
        "idea 3",
        "stages:\n  lead:\n    pipeline: true\n",
        5,
        "stages.lead: a lead is not ready for sales: it is in no pipeline",
        "give it the kind inventory, the owner marketing and no `pipeline`",
    ),
    "a lead with a service level": Broken(
        "idea 3",
        "stages:\n  lead:\n    kind: service_level\n",
        5,
        "stages.lead: a lead is not ready for sales",
        "give it the kind inventory",
    ),
    "a prospect at once": Broken(
        "idea 5",
        "transitions:\n  X1: {from: none, to: prospect, on: webinar.attended, priority: detour}\n",
        5,
        "transitions.X1: it makes `prospect` a contact's first stage",
        "begin with `to: lead`",
    ),
    "an opportunity that was no prospect": Broken(
        "idea 5",
        "transitions:\n"
        "  X1: {from: lead, to: opportunity, on: intent, guards: human, priority: deal}\n",
        5,
        "transitions.X1: it reaches `opportunity` without `prospect` before it",
        "lead it through `prospect` (`by_way: true` does, by the section `way`)",
    ),
    "an override past the prospect": Broken(
        "idea 5",
        "transitions:\n  T17:\n    by_way: false\n",
        5,
        "transitions.T17: it reaches `opportunity` without `prospect` before it",
        "`by_way: true` does",
    ),
    "a customer that was no opportunity": Broken(
        "idea 9",
        "transitions:\n  T5:\n    by_way: false\n",
        5,
        "transitions.T5: it reaches `customer` without `opportunity` before it",
        "lead it through `opportunity`",
    ),
    "an override past the opportunity": Broken(
        "idea 9",
        "transitions:\n  T17:\n    by_way: false\n",
        5,
        "transitions.T17: it reaches `customer` without `opportunity` before it",
        "lead it through `opportunity`",
    ),
    "an opportunity by talking": Broken(
        "idea 7",
        "transitions:\n"
        "  X1: {from: prospect, to: opportunity, on: phone.call_held, priority: detour}\n",
        5,
        "transitions.X1: `phone.call_held` is no explicit intent, and it makes an opportunity",
        "add the guard `intent_active`, or leave it out of `on`",
    ),
    "an opportunity by a score": Broken(
        "idea 7",
        "transitions:\n  X1:\n    {from: prospect, to: opportunity, on: score,"
        " guards: [content_score], priority: detour}\n",
        5,
        "transitions.X1: `score` is no explicit intent",
        "add the guard `intent_active`",
    ),
    "an intent that may be none": Broken(
        "idea 7",
        "transitions:\n  T3:\n    on: decision_deadline.communicated\n    guards: [triad_ok]\n",
        5,
        "transitions.T3: `decision_deadline.communicated` is no explicit intent",
        "add the guard `intent_active`",
    ),
    "an opportunity passed by on the way": Broken(
        "idea 7",
        "transitions:\n  X1: {from: prospect, to: customer, on: demo.held, by_way: true,"
        " priority: detour}\n",
        5,
        "transitions.X1: `demo.held` is no explicit intent",
        "leave it out of `on`",
    ),
}


def findings(directory: Path, text: str) -> list[Finding]:
    (directory / "wrong@1.yaml").write_text(HEAD + text)
    definition, lines = load_definition("wrong@1", directory)
    return lint(definition, rules_of(definition, lines, "wrong@1.yaml"), locating(lines))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_is_told_where_and_how_to_mend_it(name: str, tmp_path: Path) -> None:
    case = BROKEN[name]
    place = f"{tmp_path / 'wrong@1.yaml'}:{case.line}: {case.says}"
    told = [text for rule, text in findings(tmp_path, case.model) if rule == case.rule]
    found = [text for text in told if text.startswith(place)]
    assert found, told
    assert case.mend in found[0].partition(case.says)[2]


def test_every_rule_has_a_model_that_breaks_it() -> None:
    assert {case.rule for case in BROKEN.values()} == {
        "unreachable", "dead end", "no priority", "gate without a default",
        "timer without an exit", "idea 3", "idea 5", "idea 7", "idea 9",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "mend"),
    [
        ("stages:\n  lead:\n    owner: sales\n", "give `lead` the owner marketing"),
        ("knobs:\n  handoff_at: lead\n", "use one of account, nobody, opportunity, prospect"),
    ],
)
def test_a_hand_off_of_leads_does_not_even_compile(tmp_path: Path, model: str, mend: str) -> None:
    with pytest.raises(ModelError) as refused:
        findings(tmp_path, model)
    assert mend in str(refused.value)


def test_guards_that_exclude_each_other_need_no_priority(tmp_path: Path) -> None:
    pair = (
        "transitions:\n"
        "  X1: {from: prospect, to: recycled, on: sales, guards: customer, priority: forward}\n"
        "  X2: {from: prospect, to: lost, on: sales, guards: no_customer, priority: forward}\n"
    )
    assert findings(tmp_path, pair) == []


def test_a_terminal_stage_may_be_an_end(tmp_path: Path) -> None:
    gone = (
        "stages:\n  gone:\n    definition: Left for good.\n    kind: terminal\n"
        "transitions:\n  X1: {from: lead, to: gone, on: sales, priority: detour}\n"
    )
    assert findings(tmp_path, gone) == []


def test_a_gate_that_no_guard_asks_needs_no_default(tmp_path: Path) -> None:
    without = "".join(
        f"  {name}: {{guards: [human]}}\n" for name in ("T2", "T3", "T11", "T14", "T15")
    )
    model = f"knobs:\n  budget_gate: null\n  icp_unknown: null\ntransitions:\n{without}"
    assert not [each for each in findings(tmp_path, model) if "gate" in each.rule]


def test_every_timer_that_moves_a_contact_has_its_stage() -> None:
    assert set(ARMED_IN) == set(STAGE_TIMERS)


@pytest.mark.parametrize("name", names())
def test_a_shipped_model_has_nothing_to_mend(name: str) -> None:
    definition, lines = load_definition(name)
    assert lint(definition, rules_of(definition, lines, f"{name}.yaml"), locating(lines)) == []
