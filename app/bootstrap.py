"""The composition root: plain constructor calls, in one place.

Nothing below imports this; nothing here decides anything but what is wired to what.
"""

import time
from collections.abc import Sequence
from typing import Final

import asyncpg

from app.domain.interaction import Microseconds
from app.domain.topics import CONTACT_LANE_INPUTS, Topic
from app.errors import Halted, TopicsError
from app.handling.contact_decider import contact_decider
from app.handling.lane import Lane
from app.handling.parts import Parts
from app.handling.ports import Outlet
from app.inbound.consumer import LaneConsumer
from app.inbound.decoding import make_decoder
from app.models import load_rules
from app.outbound.coordinator import BrokerCoordinator
from app.outbound.encoding import make_encoder
from app.outbound.publisher import TransactionalOutlet
from app.outbound.topic_ids import TopicIdentity, identify
from app.settings import Settings
from app.storage import ownership
from app.storage.connect import connect
from app.storage.days import ensure_segment_days
from app.storage.engine import engine, reaching
from app.storage.migrate import check_revision
from app.telemetry.metrics import Metrics

CONTACT_LANE: Final = "contacts"

OUTPUTS: Final = (
    Topic.STAGE_CHANGES,
    Topic.OPPORTUNITIES,
    Topic.CONTACTS,
    Topic.SIGNALS,
    Topic.DEAD_LETTERS,
    Topic.COMMANDS,
)
"""What a contact lane writes to; to the commands topic it forwards off-home records."""


def build_lane(settings: Settings, metrics: Metrics) -> Lane:
    """The contact lane of one worker."""
    rules = load_rules(settings.model, settings.models_dir)

    async def keep_house() -> None:
        await _prepare_database(settings)

    async def prepare() -> Parts:
        """Raises Unavailable (try again), RevisionError, TopicsError, Halted (say so and end)."""
        partitions = await _home_partitions(settings)
        return Parts(
            settings=settings,
            lane=CONTACT_LANE,
            source=LaneConsumer(settings.kafka, CONTACT_LANE_INPUTS),
            coordinator=BrokerCoordinator(settings.kafka, CONTACT_LANE_INPUTS, OUTPUTS),
            outlet=outlet,
            decider=contact_decider(
                make_decoder(rules, settings.limits, CONTACT_LANE_INPUTS, partitions),
                make_encoder(rules, settings.kafka.group_id, CONTACT_LANE_INPUTS, partitions),
                rules,
            ),
            metrics=metrics,
            clock=now,
            keep_house=keep_house,
        )

    def outlet(owner: str) -> Outlet:
        return TransactionalOutlet(settings.kafka, owner, CONTACT_LANE_INPUTS, OUTPUTS)

    return Lane(settings, metrics, prepare)


def now() -> Microseconds:
    """The wall clock."""
    return time.time_ns() // 1000


async def _home_partitions(settings: Settings) -> int:
    """N as recorded in PostgreSQL; recorded now where this lane is seen for the first time."""
    found = await identify(settings.kafka, [*CONTACT_LANE_INPUTS, *OUTPUTS])
    inputs = [found[topic] for topic in CONTACT_LANE_INPUTS]
    counts = [topic.partitions for topic in inputs]
    if len(set(counts)) != 1:
        raise TopicsError(
            f"{' and '.join(CONTACT_LANE_INPUTS)} must have the same number of partitions, they"
            f" have {counts}: mend it with `funnel topics apply`"
        )
    await _prepare_database(settings)
    connection = await connect(settings.database, application_name="funnel-prepare")
    try:
        return await _recorded(connection, inputs)
    finally:
        await connection.close()


async def _prepare_database(settings: Settings) -> None:
    """The right revision, and the segments' tables for the days to come."""
    database = engine(settings.database.url.get_secret_value())
    try:
        await check_revision(database)
        with reaching("creating the segments' days"):
            async with database.begin() as connection:
                await ensure_segment_days(connection)
    finally:
        await database.dispose()


async def _recorded(connection: asyncpg.Connection, inputs: Sequence[TopicIdentity]) -> int:
    ids = [topic.id for topic in inputs]
    lane = await ownership.record_lane(
        connection, CONTACT_LANE, inputs[0].partitions, CONTACT_LANE_INPUTS, ids
    )
    if list(lane.topic_ids) != ids:
        raise Halted(
            f"the topics {', '.join(CONTACT_LANE_INPUTS)} are not those this database was filled"
            " from: one was deleted and made again, or this is another cluster. Offsets mean"
            " nothing there: restore the topics, or begin with an empty database."
        )
    return lane.partitions
