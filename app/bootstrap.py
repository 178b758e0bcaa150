"""The composition root: plain constructor calls, in one place.

Nothing below imports this; nothing here decides anything but what is wired to what.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg

from app.domain.interaction import Microseconds
from app.domain.topics import (
    ACCOUNT_LANE,
    ACCOUNT_LANE_INPUTS,
    CONTACT_LANE,
    CONTACT_LANE_INPUTS,
    Topic,
)
from app.errors import Halted, TopicsError
from app.handling.account_decider import account_decider
from app.handling.contact_decider import contact_decider
from app.handling.known_types import KnownTypes
from app.handling.lane import Lane
from app.handling.library import Library
from app.handling.parts import Parts
from app.handling.ports import Outlet
from app.inbound.account_inputs import make_account_decoder
from app.inbound.consumer import LaneConsumer
from app.inbound.decoding import make_decoder
from app.models import load_rules
from app.outbound.account_encoding import make_account_encoder
from app.outbound.coordinator import BrokerCoordinator
from app.outbound.encoding import make_encoder
from app.outbound.publisher import TransactionalOutlet
from app.outbound.topic_ids import TopicIdentity, identify
from app.settings import Settings
from app.storage import ownership
from app.storage.connect import connect
from app.storage.days import ensure_segment_days
from app.storage.faults import reading
from app.storage.flow_sums import sum_settled_flows
from app.storage.result_retention import drop_old_results
from app.storage.retention import drop_old_days, oldest_kept
from app.storage.revision import check_revision
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import make_tracing

OUTPUTS: Final = (
    Topic.STAGE_CHANGES,
    Topic.OPPORTUNITIES,
    Topic.CONTACTS,
    Topic.SIGNALS,
    Topic.DEAD_LETTERS,
    Topic.COMMANDS,
    Topic.ACCOUNT_INPUTS,
)
"""What a contact lane writes to; to the commands topic it forwards off-home records."""

ACCOUNT_OUTPUTS: Final = (Topic.ACCOUNTS, Topic.DEAD_LETTERS)

ACCOUNT_GATHER_MS: Final = 100

INPUTS: Final[Mapping[str, Sequence[Topic]]] = {
    CONTACT_LANE: CONTACT_LANE_INPUTS,
    ACCOUNT_LANE: ACCOUNT_LANE_INPUTS,
}
"""Of each lane, in its topic order."""


def build_lanes(settings: Settings, metrics: Metrics) -> dict[str, Lane]:
    """The lanes of one worker, by name. They share nothing but the process: each is a member of a
    group of its own, with incarnations of its own."""
    return {
        CONTACT_LANE: build_lane(settings, metrics),
        ACCOUNT_LANE: build_account_lane(settings, metrics),
    }


def build_lane(settings: Settings, metrics: Metrics) -> Lane:
    """The contact lane of one worker."""
    rules = load_rules(settings.model, settings.models_dir)
    known = KnownTypes()
    library = Library(rules, known)

    async def keep_house() -> None:
        await _prepare_database(settings)
        await _drop_old(settings)

    async def prepare() -> Parts:
        """Raises Unavailable (try again), RevisionError, TopicsError, Halted (say so and end)."""
        homes = await _home_partitions(settings)
        partitions, accounts = homes[CONTACT_LANE], homes[ACCOUNT_LANE]
        group = settings.kafka.group_id
        return Parts(
            settings=settings,
            lane=CONTACT_LANE,
            source=LaneConsumer(settings.kafka, CONTACT_LANE_INPUTS),
            coordinator=BrokerCoordinator(settings.kafka, CONTACT_LANE_INPUTS, OUTPUTS),
            outlet=outlet,
            decider=contact_decider(
                make_decoder(
                    rules,
                    settings.limits,
                    CONTACT_LANE_INPUTS,
                    partitions,
                    tenants=known.by_tenant,
                ),
                make_encoder(group, CONTACT_LANE_INPUTS, partitions, accounts),
                library,
            ),
            metrics=metrics,
            clock=now,
            keep_house=keep_house,
            tracing=make_tracing(
                settings.tracing,
                lane=CONTACT_LANE,
                group=group,
                inputs=CONTACT_LANE_INPUTS,
                outputs=OUTPUTS,
            ),
            partitions=partitions,
            library=library,
        )

    def outlet(owner: str) -> Outlet:
        return TransactionalOutlet(settings.kafka, owner, CONTACT_LANE_INPUTS, OUTPUTS)

    return Lane(settings, metrics, prepare)


def build_account_lane(settings: Settings, metrics: Metrics) -> Lane:
    """The account lane of one worker: the same engine in a group of its own."""
    library = Library(load_rules(settings.model, settings.models_dir), KnownTypes())
    settings = for_accounts(settings)
    kafka, inputs = settings.kafka, ACCOUNT_LANE_INPUTS

    async def keep_house() -> None:
        await _prepare_database(settings)

    async def prepare() -> Parts:
        """As that of the contact lane."""
        partitions = (await _home_partitions(settings))[ACCOUNT_LANE]
        return Parts(
            settings=settings,
            lane=ACCOUNT_LANE,
            source=LaneConsumer(kafka, inputs),
            coordinator=BrokerCoordinator(kafka, inputs, ACCOUNT_OUTPUTS),
            outlet=lambda owner: TransactionalOutlet(kafka, owner, inputs, ACCOUNT_OUTPUTS),
            decider=account_decider(
                make_account_decoder(settings.limits, partitions),
                make_account_encoder(kafka.group_id, inputs, partitions),
                library,
            ),
            metrics=metrics,
            clock=now,
            keep_house=keep_house,
            tracing=make_tracing(
                settings.tracing,
                lane=ACCOUNT_LANE,
                group=kafka.group_id,
                inputs=inputs,
                outputs=ACCOUNT_OUTPUTS,
            ),
            partitions=partitions,
        )

    return Lane(settings, metrics, prepare)


def for_accounts(settings: Settings) -> Settings:
    """The account lane is another consumer group, and gathers for longer: nobody waits for a
    roll-up as for a stage change, and each batch of it costs as much."""
    kafka = settings.kafka
    gather_ms = max(kafka.fetch_gather_ms, ACCOUNT_GATHER_MS)
    update = {"group_id": f"{kafka.group_id}-accounts", "fetch_gather_ms": gather_ms}
    return settings.model_copy(update={"kafka": kafka.model_copy(update=update)})


def now() -> Microseconds:
    """The wall clock."""
    return time.time_ns() // 1000


async def _home_partitions(settings: Settings) -> dict[str, int]:
    """N of each lane as recorded in PostgreSQL; recorded now where a lane is seen for the first
    time. Either lane asks for both: contacts tell accounts on their home partitions."""
    found = await identify(
        settings.kafka, [*CONTACT_LANE_INPUTS, *OUTPUTS, *ACCOUNT_LANE_INPUTS, *ACCOUNT_OUTPUTS]
    )
    counts = [found[topic].partitions for topic in CONTACT_LANE_INPUTS]
    if len(set(counts)) != 1:
        raise TopicsError(
            f"{' and '.join(CONTACT_LANE_INPUTS)} must have the same number of partitions, they"
            f" have {counts}: mend it with `funnel topics apply`"
        )
    await _prepare_database(settings)
    connection = await connect(settings.database, application_name="funnel-prepare")
    try:
        return {
            lane: await _recorded(connection, lane, [found[topic] for topic in INPUTS[lane]])
            for lane in INPUTS
        }
    finally:
        await connection.close()


async def _prepare_database(settings: Settings) -> None:
    """The right revision, and the segments' tables for the days to come."""
    connection = await connect(settings.database, application_name="funnel-prepare")
    try:
        await check_revision(connection)
        with reading("creating the segments' days"):
            async with connection.transaction():
                await ensure_segment_days(connection)
    finally:
        await connection.close()


async def _drop_old(settings: Settings) -> None:
    """Results of commands, and the segments' days that are over, by the settings; flows of days
    that are over are summed. Bit by bit."""
    keep = settings.retention
    connection = await connect(settings.database, application_name="funnel-keep-house")
    try:
        await drop_old_results(connection, settings.commands.kept_days)
        await sum_settled_flows(connection)
        if keep.segment_days is not None:
            await drop_old_days(connection, oldest_kept(keep.segment_days, keep.replay_days))
    finally:
        await connection.close()


async def _recorded(
    connection: asyncpg.Connection, name: str, inputs: Sequence[TopicIdentity]
) -> int:
    topics, ids = INPUTS[name], [topic.id for topic in inputs]
    lane = await ownership.record_lane(connection, name, inputs[0].partitions, topics, ids)
    if list(lane.topic_ids) != ids:
        raise Halted(
            f"the topics {', '.join(topics)} are not those this database was filled"
            " from: one was deleted and made again, or this is another cluster. Offsets mean"
            " nothing there: restore the topics, or begin with an empty database."
        )
    return lane.partitions
