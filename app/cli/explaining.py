"""A decision in words: the move, the guards with what was seen and required, the evidence."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from app.cli.printing import shown

if TYPE_CHECKING:
    from app.domain.changes import Change, GuardResult
    from app.domain.entry import Entry
    from app.domain.explanation import Explanation
    from app.domain.interaction import Microseconds
    from app.storage.rows import StoredChange

KINDS = {"changed": "", "revoked": " (revoked)", "corrected": " (corrected)"}


def told_change(
    contact_id: str, change: "Change", evidence: Mapping[str, "Entry"] | None = None
) -> list[str]:
    """Lines about one record of the history. `evidence`: what is known of interactions, by id."""
    cause = change.cause
    because = f"because of {cause.type}" + (", inferred" if cause.inferred else "")
    by = f" by {cause.actor}" if cause.actor else ""
    head = (
        f"{contact_id}: {change.from_stage} → {change.to_stage}{KINDS[change.kind]}"
        f" on {moment(change.effective_at)}, {because}{by} [{change.transition}, {change.model}]"
    )
    lines = [head, *(told_guard(guard) for guard in change.guards)]
    known = evidence or {}
    rests_on = [told_evidence(id_, known.get(id_)) for id_ in change.evidence]
    return [shown(line) for line in [*lines, *rests_on]]


def told_path(history: "Iterable[StoredChange]", interactions: "Iterable[Entry]") -> list[str]:
    """Every standing move in a line, the last one with its guards and evidence."""
    from app.domain.bitemporal import standing

    by_id = {entry.id: entry for entry in interactions}
    told = [told_change(stored.contact_id, stored.change, by_id) for stored in standing(history)]
    return [move[0] for move in told[:-1]] + (told[-1] if told else [])


def told_guard(guard: "GuardResult") -> str:
    mark = "✓" if guard.passed else "✗"
    return f"  {mark} {guard.guard:<16} {guard.observed}  (required: {guard.required})"


def told_evidence(id_: str, entry: "Entry | None") -> str:
    if entry is None:
        return f"    evidence {id_}"
    whose = f" of {entry.member}" if entry.member else ""
    return f"    evidence {moment(entry.time)} {entry.type}{whose} ({id_})"


def moment(at: "Microseconds") -> str:
    """To the minute, UTC."""
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(at / 1_000_000, UTC):%Y-%m-%d %H:%M}"


def ago(then: "Microseconds", now: "Microseconds") -> str:
    """For people: 3 s, 5 min, 2 h, 4 d."""
    seconds = max(0, now - then) / 1_000_000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def told_way(way: "Explanation") -> list[str]:
    """A transition that is possible from here, and which of its guards hold now."""
    head = f"  {way.from_stage} → {way.to_stage} [{way.transition}] on {', '.join(way.on) or 'any'}"
    return [shown(line) for line in [head, *(f"  {told_guard(guard)}" for guard in way.guards)]]
