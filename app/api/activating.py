"""Letting another model decide about a tenant's contacts: the one place that composes the command,
for the HTTP interface and for the command line.

The model is stored first; then every partition of the commands topic gets the same record, with one
moment from which on it decides. The lanes do the rest.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.interaction import Microseconds
from app.domain.rewriting import ACTIVATED
from app.domain.rules import Rules
from app.domain.timeline import Mode
from app.domain.timestamps import format_rfc3339
from app.domain.topics import CONTACT_LANE, Topic
from app.errors import FunnelError, ModelError, Poison
from app.inbound.activation import activation_check, activation_of
from app.inbound.event import Event
from app.models import content_hash, name_and_version
from app.models.stored import plain, rules_of_stored
from app.storage import model_queries, model_versions
from app.storage.models import ActivationRow, StoredModel

SECOND: Final = 1_000_000


class EveryPartition(Protocol):
    """Kafka, as it is needed here. Raises Unavailable."""

    async def partitions(self, topic: str) -> int: ...

    async def send_to_all(self, topic: str, key: bytes, value: bytes) -> None:
        """The same record to each; returns once the brokers have all."""
        ...


class Asked(msgspec.Struct, frozen=True):
    """What was asked of every partition; `is_new`: not all of them had it so already."""

    command_id: str
    tenant: str
    model: str
    content_hash: str
    mode: Mode
    active_from: Microseconds
    contacts: int
    is_new: bool


class Standing(NamedTuple):
    """How things stand before it is asked for."""

    model: StoredModel
    rows: Sequence[ActivationRow]
    """What was activated for the tenant, in every partition."""
    has_contacts: bool
    contacts: int
    partitions: int


class Activating:
    def __init__(
        self,
        engine: AsyncEngine,
        latest: Callable[[str], Awaitable[list[Rules]]],
        to: EveryPartition,
        clock: Callable[[], Microseconds],
        *,
        notice_seconds: float,
        topic: str = Topic.COMMANDS,
        models_max: int = model_versions.KEPT_MAX,
    ) -> None:
        """`latest`: the models that were activated last for a tenant. `notice_seconds`: ahead, so
        that every partition has heard of it by then. `models_max`: of a tenant."""
        self._engine = engine
        self._latest = latest
        self._to = to
        self._clock = clock
        self._topic = topic
        self._notice = round(notice_seconds * SECOND)
        self._models_max = models_max

    @asynccontextmanager
    async def alone(self, tenant: str) -> AsyncIterator[None]:
        """Around `prepare` and `send`: two at once could come in another order to each partition.
        Raises ModelError, Unavailable."""
        async with model_versions.alone(self._engine, tenant) as is_alone:
            if not is_alone:
                raise ModelError(f"a model is just being activated for {tenant}: try again")
            yield

    async def prepare(self, tenant: str, definition: dict[str, Any], by: str) -> Standing:
        """Store the model, linted before, if it may follow those that decide now. `definition` is
        complete. Raises ModelError, Unavailable."""
        definition = plain(definition)
        rules = rules_of_stored(definition)
        name, version = name_and_version(definition, lambda _: rules.ref)
        for current in await self._latest(tenant):
            check_stages(current, rules)
        partitions = await self._to.partitions(self._topic)
        model = StoredModel(content_hash(definition), name, version, definition)
        kept = await model_versions.keep(self._engine, tenant, model, by, most=self._models_max)
        if kept is None:
            raise ModelError(
                f"the tenant has {self._models_max:,} models already: take one of them"
            )
        if kept.content_hash != model.content_hash:
            raise ModelError(said_otherwise(name, version))
        rows = [row.activation for row in await model_queries.timeline(self._engine, tenant)]
        return Standing(
            model,
            rows,
            await model_queries.has_contacts(self._engine, CONTACT_LANE, tenant),
            sum((await model_queries.contacts_of(self._engine, tenant)).values()),
            partitions,
        )

    def asked(
        self,
        tenant: str,
        standing: Standing,
        mode: Mode,
        command_id: str,
        since: Microseconds | None = None,
    ) -> Asked:
        """`since`: when it was asked for first, where it is asked for again."""
        hash_ = standing.model.content_hash
        last = {row.partition: (row.content_hash, row.mode) for row in standing.rows}
        is_new = any(last.get(each) != (hash_, mode) for each in range(standing.partitions))
        active_from = self._moment(standing, command_id, since)
        ref = standing.model.ref
        return Asked(command_id, tenant, ref, hash_, mode, active_from, standing.contacts, is_new)

    async def send(self, asked: Asked, actor: str, source: str) -> None:
        """To every partition. Sent again it changes nothing. Raises FunnelError, Unavailable."""
        event = event_of(asked, actor, source, self._clock())
        check_event(event)
        key, value = event["subject"].encode(), msgspec.json.encode(event)
        await self._to.send_to_all(self._topic, key, value)

    def _moment(
        self, standing: Standing, command_id: str, since: Microseconds | None
    ) -> Microseconds:
        """One for all partitions, also where a part of them has the command already, and never
        before what was activated before."""
        mine = [row.active_from for row in standing.rows if row.activated_by == command_id]
        if mine:
            return max(mine)
        now = self._clock()
        begins = now
        if standing.has_contacts:
            begins = _next_second((since or now) + self._notice)
            if begins < now + self._notice // 2:  # too little of it is left
                begins = _next_second(now + self._notice)
        return max([begins, *(row.active_from for row in standing.rows)])


def check_stages(current: Rules, new: Rules) -> None:
    """Whoever is in a stage that the new model lacks must know where to go. Raises ModelError."""
    lost = [stage for stage in current.stages if stage not in {*new.stages, *new.stage_map}]
    if lost:
        moves = ", ".join(f"{stage}: lead" for stage in lost)
        raise ModelError(
            f"{new.ref} has no stage {', '.join(lost)}, in which {current.ref} may have left"
            f" contacts: add it, or say where they go, as in `map: {{{moves}}}`"
        )


def said_otherwise(name: str, version: int) -> str:
    return (
        f"{name}@{version} is there and says something else: a version never changes. Give what is"
        f" new the version {version + 1}"
    )


def event_of(asked: Asked, actor: str, source: str, at: Microseconds) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": asked.command_id,
        "source": source,
        "type": ACTIVATED,
        "subject": f"model/{asked.model}",
        "time": format_rfc3339(at),
        "tenantid": asked.tenant,
        "data": {
            "model": asked.model,
            "content_hash": asked.content_hash,
            "mode": asked.mode,
            "active_from": format_rfc3339(asked.active_from),
            "actor": actor,
        },
    }


def check_event(event: dict[str, Any]) -> None:
    """As the lane does: it would be a dead letter in every partition. Raises FunnelError."""
    try:
        activation_of(msgspec.convert(event, Event), activation_check(), None)
    except Poison as wrong:
        raise FunnelError(f"this can't be asked for: {wrong}") from None


def _next_second(at: Microseconds) -> Microseconds:
    """For people to read."""
    return -(-at // SECOND) * SECOND
