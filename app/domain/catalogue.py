"""The catalogue of interactions: what each type means, from the model's section `interactions`."""

from typing import Any, Final

from app.domain.calendar import SECOND
from app.domain.entry import KNOWN, TIMER
from app.domain.reading import Node
from app.domain.records import RECORDS, TELLING
from app.domain.rules import InteractionType, Outcome, When

INBOUND: Final = ("one_way", "two_way", "intent")
CLASSES: Final = (
    *INBOUND, "outbound", "fact", "sales", "profile", "consent", "admin", "identity",
)  # fmt: skip
SCORE: Final = "score"
"""The trigger of what may change the fit, and of downloads."""
_SCORING: Final = frozenset({"fact", "profile"})
COMMAND_CLASSES: Final = frozenset({"admin", "identity"})
EVERY_STEP: Final = "step"
"""The trigger that every interaction pulls."""

_MEANING: Final = ("class", "weak", "points", "half_life", "cap_per_day")
_KEYS: Final = (*_MEANING, "requires", "reads", "flags", "records", "settles", "variants")
_WHEN: Final = ("data", "returning", "passed")


def types_of(node: Node) -> dict[str, InteractionType]:
    return {name: _type(name, kind) for name, kind in node.items()}


def _type(name: str, node: Node) -> InteractionType:
    node.mapping(_KEYS)
    if name.startswith(TIMER):
        raise node.error(f"`{TIMER}` begins the names of timers", "choose another name")
    outcomes = [_outcome(name, node, variant) for variant in _variants(node)]
    outcomes.append(_outcome(name, node, None))
    classes = {each for outcome in outcomes for each in outcome.classes}
    record = node.child_or("records", None)
    if record.value is not None:
        record.one_of(RECORDS, "record")
    reads = node.child_or("reads", []).texts()
    flags = node.child_or("flags", [])
    for flag in flags.entries():
        flag.one_of(KNOWN, "flag")
    return InteractionType(
        name=name,
        requires=node.child_or("requires", []).texts(),
        reads=reads,
        flags=flags.texts(),
        is_command=bool(classes & COMMAND_CLASSES),
        is_outbound="outbound" in classes,
        is_telling=record.value in TELLING or bool(flags.value),
        is_sales="sales" in classes,
        settles=node.child_or("settles", False).flag(),
        arms=record.value is not None or "deadline" in reads or "settles" in node.value,
        record=RECORDS[record.value] if record.value is not None else None,
        outcomes=tuple(outcomes),
    )


def _variants(node: Node) -> list[Node]:
    variants = node.child_or("variants", []).entries()
    for variant in variants:
        variant.mapping((*_MEANING, "when"))
    return variants


def _outcome(name: str, node: Node, variant: Node | None) -> Outcome:
    """A variant says only what differs from the type."""

    def told(key: str, default: Any) -> Node:
        if variant is not None and key in variant.value:
            return variant.child(key)
        return node.child_or(key, default)

    for each in told("class", []).entries():
        each.one_of(CLASSES, "class")
    classes = told("class", []).texts()
    is_scoring = bool(_SCORING & set(classes)) or node.value.get("records") == "content"
    scoring = (SCORE,) if is_scoring else ()
    points = told("points", 0).number()
    half_life = told("half_life", "30 d")
    if points and "half_life" not in node.value:
        raise node.error("points without `half_life`", "add `half_life: 30 d`")
    if half_life.duration() < SECOND:
        raise half_life.error(f"{half_life.value!r} is no half-life", "write `1 s` or more")
    cap = told("cap_per_day", None)
    return Outcome(
        when=None if variant is None else _when(variant.child("when")),
        classes=classes,
        is_weak=told("weak", False).flag(),
        points=float(points),
        half_life_seconds=half_life.duration() // SECOND,
        cap_per_day=None if cap.value is None else float(cap.number()),
        triggers=(*classes, *scoring, name, EVERY_STEP),
        is_inbound=any(each in INBOUND for each in classes),
        is_two_way="two_way" in classes,
        is_intent="intent" in classes,
        is_sales="sales" in classes,
    )


def _when(node: Node) -> When:
    node.mapping(_WHEN)
    data = node.child_or("data", {})
    fields = tuple(
        (field, tuple(each.value for each in values.entries())) for field, values in data.items()
    )
    passed = node.child_or("passed", None)
    return When(
        fields,
        node.child_or("returning", False).flag(),
        None if passed.value is None else passed.text(),
    )
