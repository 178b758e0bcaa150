"""Which model decides for each tenant of a partition: timelines that activations prolong.

An activation is in force once the partition's horizon has reached it. Until then everything is
decided as if it had never been heard of, so a batch needs to know only what is in force at its
horizon; and it begins after all that is decided already, so that `forward` never changes history.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from app.domain.interaction import Microseconds
from app.domain.rules import Rules
from app.domain.state import NEVER
from app.domain.timeline import Ruling, Timeline
from app.handling.known_types import KnownTypes
from app.handling.records import Activation
from app.storage.models import ActivationRow, SweepRow

Activated = tuple[ActivationRow, Rules]


@dataclass(slots=True)
class _Tenant:
    timeline: Timeline
    """What is in force."""
    activated: list[Activated] = field(default_factory=list)
    """By generation: those in force, then those to come."""

    def to_come(self) -> Sequence[Activated]:
        return self.activated[self.timeline.generation :]


class Rulings:
    """Of one partition; as decided, so ahead of what PostgreSQL has."""

    def __init__(
        self,
        partition: int,
        default: Rules,
        known: KnownTypes,
        stored: Sequence[Activated] = (),
        as_of: Microseconds = 0,
    ) -> None:
        """`default`: for a tenant of which nothing was activated."""
        self.default = default
        self.in_force: dict[str, Ruling] = {}
        """By tenant; the others have the default."""
        self._partition = partition
        self._known = known
        self._tenants: dict[str, _Tenant] = {}
        self._next: Microseconds = NEVER
        """When something more is in force."""
        for row, rules in stored:
            self._of(row.tenant).activated.append((row, rules))
        for tenant in self._tenants:
            self._learn(tenant)
        self._look_ahead()
        self.advance(as_of)

    def activate(
        self, asked: Activation, rules: Rules, as_of: Microseconds, decided_at: Microseconds
    ) -> ActivationRow | None:
        """Prolong the tenant's timeline; None where it was asked for before, or says nothing new.

        `as_of`: up to which the partition was decided before this batch.
        """
        mine = self._of(asked.tenant)
        rows = [row for row, _ in mine.activated]
        if any(row.activated_by == asked.command_id for row in rows):
            return None
        begins = max(asked.active_from, as_of + 1)
        if rows:
            last = rows[-1]
            if (last.content_hash, last.mode) == (asked.content_hash, asked.mode):
                return None
            begins = max(begins, last.active_from)
        row = ActivationRow(
            self._partition,
            asked.tenant,
            len(rows) + 1,
            asked.content_hash,
            asked.mode,
            begins,
            asked.command_id,
            asked.actor,
            decided_at,
        )
        mine.activated.append((row, rules))
        self._learn(asked.tenant)
        self._look_ahead()
        return row

    def advance(self, horizon: Microseconds) -> None:
        """Before a batch is decided: what begins by its horizon is in force."""
        if horizon < self._next:
            return
        for tenant, mine in self._tenants.items():
            for row, rules in mine.to_come():
                if row.active_from > horizon:
                    break
                mine.timeline = mine.timeline.activated(rules, row.mode, row.active_from)
                self.in_force[tenant] = mine.timeline
            self._learn(tenant)
        self._look_ahead()

    def unswept(self, horizon: Microseconds) -> Iterator[ActivationRow]:
        """Of each tenant the last activation by then, where contacts are still to be brought up to
        date with it; they then are with those before it, too."""
        for mine in self._tenants.values():
            begun = [row for row, _ in mine.activated if row.active_from <= horizon]
            if begun and begun[-1].swept_at is None:
                yield begun[-1]

    def swept(self, done: SweepRow) -> None:
        activated = self._tenants[done.tenant].activated
        row, rules = activated[done.generation - 1]
        row = replace(row, cursor=done.cursor, swept=done.swept, swept_at=done.swept_at)
        activated[done.generation - 1] = row, rules

    def _of(self, tenant: str) -> _Tenant:
        mine = self._tenants.get(tenant)
        if mine is None:
            mine = self._tenants[tenant] = _Tenant(Timeline.of(self.default))
        return mine

    def _learn(self, tenant: str) -> None:
        mine = self._tenants[tenant]
        to_come = [rules for _, rules in mine.to_come()]
        self._known.learn(
            tenant, self._partition, [*to_come, *(rules for _, rules in mine.timeline.spans)]
        )

    def _look_ahead(self) -> None:
        begins = [row.active_from for mine in self._tenants.values() for row, _ in mine.to_come()]
        self._next = min(begins, default=NEVER)
