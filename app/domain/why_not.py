"""Why a contact is not in a stage: which ways lead there, which guards are missing, what is the
least that would do it, and what waiting alone would do. Nothing of it touches the contact.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from app.domain.answers import SIZE_MAX, TRIED_MAX, Way, copy_of, smallest_answer, waited
from app.domain.calendar import DAY
from app.domain.changes import GuardResult
from app.domain.entry import ROLE_MAILBOX, entry_of
from app.domain.explanation import Explanation, told_now
from app.domain.firing import fire_until
from app.domain.fold import Made
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.rules import Rules, Transition
from app.domain.state import DISQUALIFIED, NONE, State
from app.domain.ways import shortest_way, ways_between

WAIT_MAX: Final = 1_096 * DAY
"""How far ahead timers are asked."""
ERASED: Final = "erased"


class Suggested(msgspec.Struct, frozen=True):
    """An interaction that would help; data in angle brackets is to be filled in."""

    type: str
    data: dict[str, Any]


class Foreseen(msgspec.Struct, frozen=True):
    """A move that would be made."""

    transition: str
    from_stage: str
    to_stage: str
    cycle: int
    inferred: bool
    effective_at: Microseconds
    guards: tuple[GuardResult, ...]


class ByItself(msgspec.Struct, frozen=True):
    """What happens if nothing else does."""

    at: Microseconds
    timer: str
    moves: tuple[Foreseen, ...]


class WhyNot(msgspec.Struct, frozen=True):
    stage: str
    target: str
    at: Microseconds
    model: str
    is_reachable: bool
    """By interactions or by waiting; not counting a person's override."""
    ways: tuple[Explanation, ...] = ()
    """The transitions of the shortest way, each with its guards as they are now."""
    suggestion: tuple[Suggested, ...] = ()
    """The smallest set of interactions that leads there, in an order that does."""
    moves: tuple[Foreseen, ...] = ()
    """What these would move, as the fold says."""
    not_before: Microseconds | None = None
    """They help only from then on: a person has pinned the contact until then."""
    by_itself: ByItself | None = None
    tried: int = 0
    note: str | None = None


def why_not(contact_id: str, fold: State, target: str, at: Microseconds, rules: Rules) -> WhyNot:
    """Of a contact with this state, at a moment not before its last interaction."""
    at = max(at, fold.head_time)
    start = waited(fold, at, rules)
    in_force = rules.at(at)
    asked = WhyNot(start.stage, target, at, in_force.ref, False)
    if (answer := _at_once(start, target, in_force)) is not None:
        return msgspec.structs.replace(asked, is_reachable=start.stage == target, note=answer)
    ways = ways_between(in_force, start.stage, target)
    direct = shortest_way(ways, start.stage, target)
    found, not_before, tried = smallest_answer(contact_id, start, target, at, rules, (ways, direct))
    by_itself = _by_itself(start, target, at, rules)
    return msgspec.structs.replace(
        asked,
        is_reachable=found is not None or by_itself is not None,
        ways=tuple(told_now(each, start, at, in_force) for each in direct),
        suggestion=() if found is None else _suggested(found),
        moves=() if found is None else _foreseen(found.made),
        not_before=not_before,
        by_itself=by_itself,
        tried=tried,
        note=_obstacle(contact_id, start, target, ways, tried, in_force)
        if found is None
        else _caveat(found, target),
    )


def _at_once(start: State, target: str, rules: Rules) -> str | None:
    """What needs no search."""
    if start.stage == target:
        return f"it is {target}"
    if start.stage == ERASED:
        return "it was erased: nothing is known of it any more, and nothing brings it back"
    if target == ERASED:
        return "only privacy.erasure_requested leads there"
    if target == NONE:
        return "no contact goes back to before its first stage"
    if target not in rules.stages:
        return f"model {rules.ref} has no stage {target}; it has {', '.join(rules.stages)}"
    return None


def _by_itself(start: State, target: str, at: Microseconds, rules: Rules) -> ByItself | None:
    state, made = copy_of(start), []
    for fired in fire_until(state, at + WAIT_MAX, rules):
        made += fired.made
        if any(move.to_stage == target for move in fired.made):
            return ByItself(fired.entry.time, fired.timer.name, _foreseen(made))
    return None


def _suggested(way: Way) -> tuple[Suggested, ...]:
    return tuple(Suggested(each.type, dict(each.data)) for each in way.given)


def _foreseen(made: Iterable[Made]) -> tuple[Foreseen, ...]:
    return tuple(
        Foreseen(
            move.transition,
            move.from_stage,
            move.to_stage,
            move.cycle,
            move.inferred,
            move.effective_at,
            move.guards,
        )
        for move in made
    )


def _caveat(found: Way, target: str) -> str | None:
    goes_on = found.state.stage
    return None if goes_on == target else f"it would not stay there, but go on to {goes_on}"


def _obstacle(
    contact_id: str, start: State, target: str, ways: list[Transition], tried: int, rules: Rules
) -> str:
    """Why no interaction leads there."""
    if start.is_barred and start.stage == DISQUALIFIED:
        reason = "a person disqualified it: no interaction brings it back"
    elif _is_role_mailbox(contact_id, rules):
        reason = "its key is a role mailbox: evidence of the account, never of a person"
    elif not ways:
        reason = f"no transition of model {rules.ref} leads there from {start.stage}"
    elif tried >= TRIED_MAX:
        reason = f"nothing was found in {tried} steps tried"
    else:
        reason = f"nothing that can happen to it leads there, up to {SIZE_MAX} interactions"
    can_place = any(
        each.is_override and (each.from_stage, each.to_stage) == (start.stage, target)
        for each in rules.transitions
    )
    return reason + ("; a person can put it there: stage.override" if can_place else "")


def _is_role_mailbox(contact_id: str, rules: Rules) -> bool:
    kind = next(iter(rules.types.values()))
    said = Interaction("", contact_id, "", "", kind.name, 0, 0, {})
    return bool(entry_of(said, Address(0, 0), kind, rules).flags & ROLE_MAILBOX)
