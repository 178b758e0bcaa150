"""A model definition becomes `Rules`: stages, interaction types, terms, then the chart's table."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.domain.business_hours import business_hours_of
from app.domain.catalogue import types_of
from app.domain.interaction import Microseconds
from app.domain.moves import attach_moves, timer_moves, transitions_of
from app.domain.reading import Locate, Node
from app.domain.rules import Rules, Stage, Terms
from app.domain.state import DISQUALIFIED, LEAD, LOST, NONE, OPPORTUNITY, PROSPECT
from app.domain.timers import CLOCKS

SECTIONS: Final = (
    "name", "version", "title", "extends", "time_zone", "knobs", "terms", "fit", "company_size",
    "role_mailboxes", "unwanted_domains", "stages", "interactions", "way", "transitions", "timers",
    "business_hours", "map", "mail_domains",
)  # fmt: skip
KNOBS: Final = {
    "icp_unknown": ("pass", "hold"),
    "budget_gate": ("pass", "wait"),
    "authority_gate": ("pass", "wait"),
    "unknown_type": ("dead_letter", "ignore"),
    "handoff_at": ("opportunity", "prospect", "account", "nobody"),
}
ERASURE: Final = "privacy.erasure_requested"
HANDOFF_STAGES: Final = (OPPORTUNITY, PROSPECT)
KINDS: Final = ("inventory", "service_level", "success", "detour", "terminal")
FIT: Final = (
    "industry", "need", "decision_maker", "influencer", "budget", "company_size",
    "name_and_company", "unwanted_domain",
)  # fmt: skip
_SPANS: Final = (
    "two_way_recent", "intent_active", "deadline_grace", "hot_intent", "hot_deadline",
    "warm_inbound", "old_habit",
)  # fmt: skip
_OPTIONAL_SPANS: Final = ("cooling", "ask_again", "pin")
_BANDS: Final = ("hot_engagement", "warm_engagement", "strong_engagement")
_OPTIONAL_BANDS: Final = ("content_fit", "cooling_points")
_TIMERS: Final = (
    "click_settles", "opp_stale_warning", "opp_stale", "deadline_near", "deadline_grace",
    "trial_ending", "quote_expiring", "prospect_idle", "lead_dormant", "lost_cooldown",
    "lost_cooldown_competitor", "retention_due",
)  # fmt: skip


def compile_rules(
    definition: Mapping[str, Any],
    locate: Locate | None,
    account_of: Callable[[str], str | None],
) -> Rules:
    """Raises ModelError."""
    model = Node(definition, (), locate)
    model.mapping(SECTIONS)
    stages = _stages(model.child("stages"))
    types = types_of(model.child("interactions"))
    if ERASURE not in types:
        raise model.child("interactions").error(
            f"`{ERASURE}` is missing", "add it: everybody has the right to be forgotten"
        )
    knobs = _knobs(model.child_or("knobs", {}))
    terms = _terms(model, knobs)
    _check_handoff(model, terms, stages)
    transitions, table = transitions_of(model, stages, types, terms)
    zone = _zone(model.child_or("time_zone", "UTC"))
    attach_moves(types, transitions, table)
    return Rules(
        ref=f"{model.child('name').text()}@{model.child('version').number()}",
        title=model.child_or("title", "").text(),
        stages=stages,
        types=types,
        transitions=transitions,
        terms=terms,
        zone=zone,
        hours=business_hours_of(model.child_or("business_hours", {}), zone),
        account_of=account_of,
        stage_map=_stage_map(model.child_or("map", {}), stages),
        timer_moves=timer_moves(transitions, table),
        ignores_unknown_types=knobs["unknown_type"] == "ignore",
        role_mailboxes=_names(model.child_or("role_mailboxes", [])),
        unwanted_domains=_names(model.child_or("unwanted_domains", [])),
    )


def _stages(node: Node) -> dict[str, Stage]:
    stages = {}
    for name, stage in node.items():
        stage.mapping(("definition", "kind", "owner", "pipeline"))
        owner = stage.child_or("owner", None)
        stages[name] = Stage(
            name,
            stage.child("definition").text(),
            stage.child("kind").one_of(KINDS, "kind of stage"),
            None if owner.value is None else owner.text(),
            stage.child_or("pipeline", False).flag(),
        )
    for name in (LEAD, OPPORTUNITY, LOST, DISQUALIFIED):
        if name not in stages:
            raise node.error(f"stage `{name}` is missing", f"define `{name}`")
    if NONE in stages:
        raise node.error("`none` is where a contact is before its first stage", "remove it")
    if stages[LEAD].owner == "sales":
        owner = node.child(LEAD).child("owner")
        raise owner.error("a lead is not ready for sales", "give `lead` the owner marketing")
    return stages


def _knobs(node: Node) -> dict[str, str]:
    node.mapping(KNOBS)
    return {
        name: node.child_or(name, values[0]).one_of(values, "value of this knob")
        for name, values in KNOBS.items()
    }


def _terms(model: Node, knobs: Mapping[str, str]) -> Terms:
    terms, fit, size = model.child("terms"), model.child("fit"), model.child("company_size")
    terms.mapping((*_SPANS, *_BANDS, *_OPTIONAL_SPANS, *_OPTIONAL_BANDS))
    fit.mapping(FIT)
    size.mapping(("min", "max"))
    spans = {name: terms.child(name).duration() for name in _SPANS}
    bands = {name: terms.child(name).number() for name in _BANDS}
    bands |= {name: terms.child_or(name, 0).number() for name in _OPTIONAL_BANDS}
    spans |= {name: terms.child_or(name, "0 s").duration() for name in _OPTIONAL_SPANS}
    if bands["hot_engagement"] < bands["warm_engagement"]:
        hot = terms.child("hot_engagement")
        raise hot.error("hot begins below warm", "make it more than `warm_engagement`")
    timers, business = _timers(model.child_or("timers", {}))
    return Terms(
        two_way_recent=spans["two_way_recent"],
        intent_active=spans["intent_active"],
        deadline_grace=spans["deadline_grace"],
        hot_intent=spans["hot_intent"],
        hot_engagement=bands["hot_engagement"],
        hot_deadline=spans["hot_deadline"],
        warm_inbound=spans["warm_inbound"],
        warm_engagement=bands["warm_engagement"],
        old_habit=spans["old_habit"],
        strong_engagement=bands["strong_engagement"],
        fit={name: int(fit.child(name).number()) for name in FIT},
        company_size=(size.child("min").number(), size.child("max").number()),
        is_icp_held=knobs["icp_unknown"] == "hold",
        gated=tuple(name for name in ("budget", "authority") if knobs[f"{name}_gate"] == "wait"),
        handoff_stage=knobs["handoff_at"] if knobs["handoff_at"] in HANDOFF_STAGES else None,
        is_account_handoff=knobs["handoff_at"] == "account",
        content_fit=bands["content_fit"],
        cooling=spans["cooling"],
        cooling_points=bands["cooling_points"],
        marks=_marks(bands),
        ask_again=spans["ask_again"],
        pin=spans["pin"],
        terms=timers,
        business=business,
    )


def _marks(bands: Mapping[str, float]) -> tuple[float, ...]:
    entered = [bands["hot_engagement"], bands["warm_engagement"]]
    ends = [points * 1000 - 1 for points in entered]
    left = [(points - bands["cooling_points"]) * 1000 for points in entered]
    return tuple(sorted((mark for mark in {*ends, *left} if mark > 0), reverse=True))


def _timers(node: Node) -> tuple[dict[str, Microseconds], dict[str, float]]:
    """Terms of the timers, and those of the service-level clocks in business hours."""
    node.mapping((*_TIMERS, *CLOCKS))
    terms, business = {}, {}
    for name, term in node.items():
        if name in CLOCKS:
            business[name] = term.business_hours()
        else:
            terms[name] = term.duration()
    return terms, business


def _check_handoff(model: Node, terms: Terms, stages: Mapping[str, Stage]) -> None:
    if terms.handoff_stage is not None and terms.handoff_stage not in stages:
        raise (
            model.child("knobs")
            .child("handoff_at")
            .error(
                f"the model has no stage {terms.handoff_stage}", "choose a stage it has, or nobody"
            )
        )


def _stage_map(node: Node, stages: Mapping[str, Stage]) -> dict[str, str]:
    for old, new in node.items():
        if old in stages:
            raise new.error(f"the model has the stage {old} itself", "remove this line")
        new.one_of(stages, "stage")
    return {old: new.text() for old, new in node.items()}


def _zone(node: Node) -> ZoneInfo | None:
    name = node.text()
    if name == "UTC":
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise node.error(f"unknown time zone {name!r}", "use a name like Europe/Berlin") from None


def _names(node: Node) -> frozenset[str]:
    return frozenset(name.lower() for name in node.texts()) if node.value else frozenset()
