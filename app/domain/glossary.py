"""The words of the funnel, and a model told in them: teams must agree on the words first."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from app.domain.erasure import ERASED, ERASURE, STAGE_WORDS, T18, TRANSITION_WORDS
from app.domain.rules import Rules, Transition


class Word(NamedTuple):
    word: str
    meaning: str
    instead_of: tuple[str, ...] = ()


WORDS: Final = (
    Word("contact", "whoever a key stands for: the one whose stage it is",
         ("person", "user", "profile")),
    Word("interaction", "an inbound event: what a contact did, or what was done or learnt",
         ("activity", "touch")),
    Word("stage", "where in the funnel a contact is", ("status", "state")),
    Word("transition", "a move between stages"),
    Word("evidence", "the interactions a decision rests on"),
    Word("fact", "a recorded criterion: met, not_met or unknown, never assumed"),
    Word("guard", "a condition on a transition"),
    Word("temperature", "cold, warm or hot: whom to follow up first; it changes no stage",
         ("grade",)),
    Word("hand-off", "marketing asks sales to take a contact over"),
    Word("cycle", "one trip through the funnel"),
    Word("model", "the funnel's rules, as a file with a name and a version",
         ("config", "workflow")),
    Word("lane", "one worker's pipeline"),
    Word("incarnation", "one life of a lane"),
    Word("dead letter", "an interaction that could not be processed, kept with its reason",
         ("error record",)),
)  # fmt: skip


class StageWords(NamedTuple):
    stage: str
    definition: str
    owner: str | None
    is_pipeline: bool


class GuardWords(NamedTuple):
    guard: str
    required: str


class TransitionWords(NamedTuple):
    transition: str
    definition: str
    from_stages: tuple[str, ...]
    to_stages: tuple[str, ...]
    on: tuple[str, ...]
    guards: tuple[GuardWords, ...]
    customer_to: str | None
    """Where it leads in a customer's new cycle."""

    def words(self) -> str:
        """As one sentence."""
        ends = f"From {_listed(self.from_stages, 'or')} to {_listed(self.to_stages, 'or')}"
        back = f" (in a customer's new cycle: to {self.customer_to})" if self.customer_to else ""
        guards = _listed((f"{each.guard} ({each.required})" for each in self.guards), "and")
        on = _listed(map(_trigger, self.on), "or")
        return f"{ends}{back}, on {on}{', if ' if guards else ''}{guards}."


class Glossary(NamedTuple):
    model: str
    title: str
    stages: tuple[StageWords, ...]
    transitions: tuple[TransitionWords, ...]
    words: tuple[Word, ...] = WORDS


def glossary_of(definition: Mapping[str, Any], rules: Rules) -> Glossary:
    """`definition` is what `rules` were compiled from: it has the transitions' own words."""
    written = definition["transitions"]
    return Glossary(
        rules.ref,
        rules.title,
        (
            *(
                StageWords(each.name, each.definition, each.owner, each.is_pipeline)
                for each in rules.stages.values()
            ),
            StageWords(ERASED, STAGE_WORDS, None, False),
        ),
        (
            *(_told(name, each, rules.transitions) for name, each in written.items()),
            TransitionWords(T18, TRANSITION_WORDS, ("any stage",), (ERASED,), (ERASURE,), (), None),
        ),
    )


def _told(
    name: str, written: Mapping[str, Any], transitions: Iterable[Transition]
) -> TransitionWords:
    """A transition between several pairs of stages, told once.

    Guards the compiler added for one of its ends are left out: the sentence says them.
    """
    same = [each for each in transitions if each.id == name]
    guarded = written.get("guards", [])
    asked = guarded if isinstance(guarded, list) else [guarded]
    guards = {
        told.guard: GuardWords(told.guard, told.required)
        for each in same
        for told in each.tells
        if told.guard in asked
    }
    back = written.get("customer_to")
    return TransitionWords(
        name,
        written.get("definition", ""),
        tuple(dict.fromkeys(each.from_stage for each in same)),
        tuple(dict.fromkeys(each.to_stage for each in same if each.to_stage != back)),
        tuple(dict.fromkeys(trigger for each in same for trigger in each.on)),
        tuple(guards.values()),
        back,
    )


def _trigger(name: str) -> str:
    kind, _, timer = name.partition(":")
    if timer:
        return f"the {kind} {timer}"
    return "every step" if name == "step" else name


def _listed(names: Iterable[str], word: str) -> str:
    *first, last = [*names] or [""]
    return f"{', '.join(first)} {word} {last}" if first else last
