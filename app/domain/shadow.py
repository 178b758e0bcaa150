"""The fold in the shadow: the moves another model would have made of the same evidence.

Stages and hand-offs alone: scores, temperature, service-level clocks and warnings order work and
move nobody, so they are left out of the rules. What is left makes exactly the moves of the whole.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from app.domain.book import Book
from app.domain.entry import Entry
from app.domain.firing import fire_until, mind_the_next_model
from app.domain.fold import Made, step
from app.domain.interaction import Microseconds
from app.domain.log import Logged, decode_chunk, decode_items
from app.domain.records import take_fact
from app.domain.rules import InteractionType, Rules, Terms, Transition
from app.domain.state import State
from app.domain.temperature import COLD
from app.domain.timeline import EVER, Ruling, Timeline
from app.domain.timers import CLICK_SETTLES, STAGE_TIMERS

_MOVING: Final = frozenset((*STAGE_TIMERS, CLICK_SETTLES, "lost_cooldown_competitor"))
"""Timers that may move a contact, and what they depend on."""


class Evidence(NamedTuple):
    """Of one contact, as stored: the row's log, and every sealed chunk, chunk 0 first."""

    tenant: str
    contact_id: str
    book: Book
    log: bytes
    sealed: Sequence[bytes]


class Folded(NamedTuple):
    state: State
    made: list[Made]


def fold(entries: Iterable[Entry], rules: Ruling, until: Microseconds) -> Folded:
    """From nothing, in the order given, with all timers due up to `until`. Raises RuleError.

    What is later than `until` is not there yet.
    """
    state = State()
    made: list[Made] = []
    (_, _, in_force), *later = rules.spans_after(EVER)
    for entry in entries:
        time = entry.time
        if time > until:
            break
        if time >= state.next_due:
            made += fire(state, rules, time)
        if later:
            made += step(state, entry, rules.at(time))
            mind_the_next_model(state, rules)
        else:
            made += step(state, entry, in_force)
    made += fire(state, rules, until)
    return Folded(state, made)


def fire(state: State, rules: Ruling, until: Microseconds) -> list[Made]:
    """What the timers due by then move."""
    return [move for each in fire_until(state, until, rules) for move in each.made]


def steps_of(evidence: Evidence) -> list[Logged]:
    """The whole log, oldest first."""
    steps = []
    for chunk in evidence.sealed:
        steps += [item for item in reversed(decode_chunk(chunk)) if type(item) is Logged]
    row = decode_items(evidence.book.items, evidence.log)
    return steps + [item for item in reversed(row) if type(item) is Logged]


def stages_only(rules: Rules) -> Rules:
    """The same moves, without their explanations and without what moves nobody."""
    quiet: dict[int, Transition] = {}

    def silenced(
        moves: Mapping[str, tuple[Transition, ...]],
    ) -> dict[str, tuple[Transition, ...]]:
        return {
            stage: tuple(quiet.setdefault(id(one), replace(one, tells=())) for one in found)
            for stage, found in moves.items()
        }

    def bare(kind: InteractionType) -> InteractionType:
        outcomes = (
            replace(outcome, points=0.0, moves=silenced(outcome.moves)) for outcome in kind.outcomes
        )
        is_only_fact = kind.record is take_fact and "deadline" not in kind.reads
        # A fact arms no timer that moves: only the temperature rests on its term.
        arms = kind.arms and (kind.settles or not is_only_fact)
        return replace(kind, outcomes=tuple(outcomes), arms=arms)

    return replace(
        rules,
        types={name: bare(kind) for name, kind in rules.types.items()},
        terms=_always_cold(rules.terms),
        timer_moves={trigger: silenced(moves) for trigger, moves in rules.timer_moves.items()},
    )


def shadow_of(rules: Ruling) -> Ruling:
    """Of every model of a timeline: `stages_only`."""
    if not isinstance(rules, Timeline):
        return stages_only(rules.at(0))
    bare = tuple((start, stages_only(one)) for start, one in rules.spans)
    return Timeline(bare, rules.generation, rules.refolded)


def rest(state: State) -> State:
    """A state of the whole rules, to go on from by those of `stages_only`."""
    state.temperature, state.cooling_since = COLD, None
    state.clocks, state.points = {}, {}
    return state


def _always_cold(terms: Terms) -> Terms:
    return replace(
        terms,
        is_shadow=True,
        terms={name: term for name, term in terms.terms.items() if name in _MOVING},
        business={},
    )
