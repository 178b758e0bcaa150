"""Contacts by stage, for the metrics: each lane says it of the partitions it owns."""

import asyncio
from collections.abc import Mapping
from typing import Final

from app.errors import Unavailable
from app.handling.partition import OwnedPartition
from app.settings import Database
from app.storage.connect import connect
from app.storage.faults import reading
from app.telemetry.metrics import Metrics

INTERVAL_SECONDS: Final = 10.0

_COUNTS: Final = """
SELECT stage, sum(n)::bigint FROM counter WHERE partition = ANY ($1::int[]) GROUP BY stage
"""


async def count_contacts(
    owned: Mapping[int, OwnedPartition], database: Database, metrics: Metrics
) -> None:
    """Run for ever. A connection for the moment: this is asked now and then."""
    shown: set[str] = set()
    while True:
        try:
            found = await _counts(list(owned), database)
        except Unavailable:
            found = None  # the lane says so itself
        if found is not None:
            for gone in shown - found.keys():
                metrics.contacts.remove(gone)
            shown = set(found)
            for stage, n in found.items():
                metrics.contacts.labels(stage).set(n)
        await asyncio.sleep(INTERVAL_SECONDS)


async def _counts(partitions: list[int], database: Database) -> dict[str, int]:
    connection = await connect(database, application_name="funnel-counts")
    try:
        with reading("counting contacts"):
            return {row[0]: row[1] for row in await connection.fetch(_COUNTS, partitions)}
    finally:
        connection.terminate()
