"""What if another model had been in force: who would be where, contact by contact.

Both models see the same evidence up to one moment. What the model in force made of it stands in
the log; the candidate folds it in the shadow. What is counted can be added up, so that parts of
the contacts may be weighed side by side.
"""

from datetime import date
from functools import lru_cache
from typing import Final

import msgspec

from app.domain.changes import Cause
from app.domain.entry import Entry
from app.domain.explanation import Explanation, ways_out
from app.domain.fold import Made
from app.domain.interaction import Microseconds
from app.domain.log import Logged, is_timer, unpack
from app.domain.rules import Rules
from app.domain.shadow import Evidence, fire, fold, rest, shadow_of, steps_of
from app.domain.timeline import EVER, Ruling
from app.domain.what_if_moves import Move, logged_moves, move_of
from app.domain.what_if_report import Decided, Moved, Mover, Sample
from app.domain.what_if_tally import SAMPLES_PER_PAIR, Side, Tally
from app.errors import RuleError

OVERRIDE: Final = ("stage.override",)
Dated = tuple[tuple[str, str, str, str], bool]
"""((month, transition, from, to), sales was asked)"""


class WhatIf:
    """Weighs one contact after another; what was counted is in `tally`."""

    def __init__(
        self, current: Ruling, candidate: Rules, until: Microseconds, *, tally: Tally | None = None
    ) -> None:
        """A candidate is folded over all history, as by a re-fold; but one that is in force
        already, as it came into force."""
        is_same = current.at(until) is candidate
        self._told: Ruling = current if is_same else candidate
        self._day = candidate.day
        self._current = shadow_of(current)
        self._candidate = self._current if is_same else shadow_of(candidate)
        self._until = until
        self._in_force_ref = current.at(until).ref
        self._kept_by = current
        self._new_fields = {
            one.ref: lacking
            for _, _, one in current.spans_after(EVER)
            if not is_same and (lacking := fields_lacking(one, candidate))
        }
        """By the model that said what is kept."""
        self.tally = Tally() if tally is None else tally

    def weigh(self, evidence: Evidence) -> None:
        """Linked identities are part of their primary and are not counted themselves."""
        if evidence.book.primary is not None:
            return
        names, until = evidence.book.names, self._until
        steps = [one for one in steps_of(evidence) if one.time <= until]
        entries = [unpack(one, names) for one in steps if not is_timer(one, names)]
        tally = self.tally
        try:
            state, made = fold(entries, self._candidate, until)
        except RuleError as refused:
            tally.refused += 1
            tally.refusal = tally.refusal or str(refused)
            return
        then = [move_of(move, self._candidate) for move in made]
        now, stage, is_customer = self._in_force(evidence, steps, entries)
        tally.contacts += 1
        tally.models[self._in_force_ref] += 1
        tally.interactions += len(entries)
        counted = self._dated(now)
        _count(tally.current, counted, stage, is_customer)
        if now != then:
            counted = self._dated(then)
        _count(tally.candidate, counted, state.stage, state.is_customer)
        tally.pairs[stage, state.stage] += 1
        if stage != state.stage:
            tally.movers.append(Mover(stage, state.stage, evidence.tenant, evidence.contact_id))
            self._sample(evidence, stage, state.stage, now, entries)
        elif now != then:
            tally.same_stage_other_history += 1
        if self._new_fields:
            self._note_lacking(entries)

    def _in_force(
        self, evidence: Evidence, steps: list[Logged], entries: list[Entry]
    ) -> tuple[list[Move], str, bool]:
        """By the log, and by the timers that became due since; (moves, stage, is a customer)."""
        rules, until = self._current, self._until
        state = evidence.book.state
        if state.head_time > until or evidence.book.generation != rules.generation:
            # Somebody wrote since, or a new model has not come to it: the log tells another story.
            state, made = fold(entries, rules, until)
            return [move_of(move, rules) for move in made], state.stage, state.is_customer
        moves = logged_moves(steps, evidence.book.names, rules)
        if state.next_due <= until:
            moves += [move_of(move, rules) for move in fire(rest(state), rules, until)]
        return moves, state.stage, state.is_customer

    def _dated(self, moves: list[Move]) -> list[Dated]:
        day = self._day
        return [
            ((month_of(day(time)), transition, from_stage, to_stage), is_handoff)
            for transition, from_stage, to_stage, _, _, time, is_handoff in moves
        ]

    def _note_lacking(self, entries: list[Entry]) -> None:
        for entry in entries:
            lacking = self._new_fields.get(self._kept_by.at(entry.time).ref, {})
            for name in lacking.get(entry.type, ()):
                if name not in (entry.fields or ()):
                    self.tally.lacking[entry.type, name] += 1

    def _sample(
        self, evidence: Evidence, now: str, then: str, moves: list[Move], entries: list[Entry]
    ) -> None:
        """With what the candidate decided last, and why it goes no further."""
        same = sum((each.now, each.then) == (now, then) for each in self.tally.samples)
        if same >= SAMPLES_PER_PAIR:
            return
        state, made = fold(entries, self._told, self._until)
        ways = ways_out(state, self._until, self._told.at(self._until))
        self.tally.samples.append(
            Sample(
                evidence.tenant,
                evidence.contact_id,
                now,
                then,
                _moved(moves[-1]) if moves else None,
                _decided(made[-1]) if made else None,
                [_missing(way) for way in ways if way.on != OVERRIDE],
            )
        )


def _count(side: Side, moves: list[Dated], stage: str, is_customer: bool) -> None:
    side.stages[stage] += 1
    side.customers += is_customer
    for move, is_handoff in moves:
        side.moves[move] += 1
        if is_handoff:
            side.handoffs[move[0]] += 1


def fields_lacking(current: Rules, candidate: Rules) -> dict[str, tuple[str, ...]]:
    """By interaction type, what the candidate reads and the model in force does not keep."""
    found = {}
    for name, kind in candidate.types.items():
        known = current.types.get(name)
        new = tuple(f for f in kind.reads if known is None or f not in known.reads)
        if new:
            found[name] = new
    return found


@lru_cache(maxsize=4096)
def month_of(day: int) -> str:
    """Of a day since 1970."""
    return date.fromordinal(date(1970, 1, 1).toordinal() + day).isoformat()[:7]


def _moved(move: Move) -> Moved:
    return Moved(move.transition, move.from_stage, move.to_stage, move.time)


def _decided(move: Made) -> Decided:
    entry = move.entry
    actor = (entry.fields or {}).get("actor")
    cause = Cause(
        entry.id, entry.source, entry.type, move.inferred, actor if type(actor) is str else None
    )
    return Decided(
        move.transition,
        move.from_stage,
        move.to_stage,
        entry.time,
        cause,
        move.guards,
        move.evidence,
    )


def _missing(way: Explanation) -> Explanation:
    """With the guards alone that do not hold."""
    guards = tuple(guard for guard in way.guards if not guard.passed)
    return msgspec.structs.replace(way, guards=guards)
