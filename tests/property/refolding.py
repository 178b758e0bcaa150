"""The fold from nothing, of everything at once: what any history is measured against."""

import msgspec

from app.domain.entry import RETRACTED, Entry, entry_of
from app.domain.firing import fire_until
from app.domain.fold import step
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.rules import Rules
from app.domain.state import State

RETRACTION = "event.retracted"


def entries_known(told: list[Interaction], rules: Rules) -> list[Entry]:
    """In folding order; the retracted ones are there, and do not count."""
    gone = {
        (each.data["event_source"], each.data["event_id"])
        for each in told
        if each.type == RETRACTION
    }
    kept = {(each.source, each.id) for each in told if each.type == RETRACTION}
    entries = []
    for each in told:
        entry = entry_of(each, Address(1, 1), rules.types[each.type], rules)
        if (each.source, each.id) in gone - kept:
            entry = msgspec.structs.replace(entry, flags=entry.flags | RETRACTED)
        entries.append(entry)
    return sorted(entries, key=lambda entry: entry.key)


def state_of(entries: list[Entry], at: Microseconds, rules: Rules) -> State:
    """After all of them up to `at`, and the timers between them and until then."""
    state = State()
    for entry in entries:
        if entry.time <= at:
            for _ in fire_until(state, entry.time, rules):
                pass
            step(state, entry, rules)
    for _ in fire_until(state, at, rules):
        pass
    return state


def stage_of(entries: list[Entry], at: Microseconds, rules: Rules) -> str:
    return state_of(entries, at, rules).stage
