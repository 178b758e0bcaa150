"""The least that would lead a contact to a stage: found by folding, on copies of its state."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from app.domain.entry import entry_of
from app.domain.firing import fire_until
from app.domain.fold import Made, step
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.plausible import Plausible, plausible
from app.domain.rules import Rules, Transition
from app.domain.state import State
from app.errors import RuleError

SIZE_MAX: Final = 8
"""Interactions in an answer."""
TRIED_MAX: Final = 5_000
"""Steps folded in search of it."""


class Way(NamedTuple):
    """Interactions folded on a copy, and what they moved."""

    state: State
    given: tuple[Plausible, ...]
    made: tuple[Made, ...]

    @property
    def weight(self) -> int:
        return sum(each.weight for each in self.given)

    @property
    def is_same(self) -> tuple[object, ...]:
        """Of ways that agree in this one is followed: the same, in another order."""
        state = self.state
        return (
            frozenset(self.given),
            state.stage,
            state.cycle,
            state.is_customer,
            state.intent is None,
        )


class Search:
    """Breadth first, so the first answers are the smallest. The same question, the same answer."""

    def __init__(self, contact_id: str, target: str, ways: list[Transition], rules: Rules) -> None:
        self.contact_id = contact_id
        self.target = target
        self.ways = ways
        self.rules = rules
        self.tried = 0

    def smallest(self, start: State, at: Microseconds) -> Way | None:
        """From a state as of `at`: what leads to the target and, if it can be, stays there."""
        level, known = [Way(start, (), ())], set()
        for _ in range(SIZE_MAX):
            following: list[Way] = []
            for way in level:
                for longer in self._longer(way, at):
                    if longer.is_same not in known:
                        known.add(longer.is_same)
                        following.append(longer)
            arrived = [way for way in following if self._arrives(way)]
            if arrived:
                return min(arrived, key=lambda way: (way.state.stage != self.target, way.weight))
            level = following
        return None

    def _longer(self, way: Way, at: Microseconds) -> Iterable[Way]:
        moment = at + len(way.given) + 1
        for each in plausible(way.state, at, self.rules.at(moment), self.ways):
            if each in way.given:
                continue
            if self.tried >= TRIED_MAX:
                return
            self.tried += 1
            state = copy_of(way.state)
            try:
                made = self._fold(state, each, moment, len(way.given))
            except RuleError:
                continue
            yield Way(state, (*way.given, each), (*way.made, *made))

    def _fold(self, state: State, given: Plausible, at: Microseconds, n: int) -> list[Made]:
        rules = self.rules.at(at)
        interaction = Interaction(
            "", self.contact_id, "/why-not", f"why-not-{n}", given.type, at, at, dict(given.data)
        )
        entry = entry_of(interaction, Address(0, n), rules.types[given.type], rules)
        made = [move for fired in fire_until(state, at, self.rules) for move in fired.made]
        return made + step(state, entry, rules)

    def _arrives(self, way: Way) -> bool:
        return any(move.to_stage == self.target for move in way.made)


def smallest_answer(
    contact_id: str,
    start: State,
    target: str,
    at: Microseconds,
    rules: Rules,
    menus: Sequence[list[Transition]],
) -> tuple[Way | None, Microseconds | None, int]:
    """The smallest answer now, else once a pin has ended; by all ways, else by the shortest only,
    where all are too many to try. With the end of that pin, and how many steps were tried."""
    tried = 0
    moments = [(start, at)]
    if start.pin_until is not None:
        moments.append((waited(start, start.pin_until, rules), start.pin_until))
    for state, moment in moments:
        for ways in menus:
            search = Search(contact_id, target, ways, rules)
            found = search.smallest(state, moment)
            tried += search.tried
            if found is not None:
                return found, None if moment == at else moment, tried
            if search.tried < TRIED_MAX:
                break
    return None, None, tried


def waited(state: State, until: Microseconds, rules: Rules) -> State:
    """A copy, its timers fired."""
    copy = copy_of(state)
    for _ in fire_until(copy, until, rules):
        pass
    return copy


def copy_of(state: State) -> State:
    return _decode(_encode(state))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(State).decode
