"""Which models were activated for a tenant, and how far each one's sweep is."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.timestamps import format_rfc3339
from app.storage import model_queries
from app.storage.model_queries import TimelineRow


class Activation(msgspec.Struct, frozen=True):
    model: str
    mode: str
    active_from: str
    actor: str
    partitions: int
    """That have heard of it."""
    done: int
    """Of these, where every contact is up to date."""
    swept: int
    """Contacts."""


async def read_activations(engine: AsyncEngine, tenant: str) -> list[Activation]:
    """Newest first. Raises Unavailable."""
    by_command: dict[str, list[TimelineRow]] = {}
    for row in await model_queries.timeline(engine, tenant):
        by_command.setdefault(row.activation.activated_by, []).append(row)
    found = [_activation(rows) for rows in by_command.values()]
    return sorted(found, key=lambda each: each.active_from, reverse=True)


def _activation(rows: list[TimelineRow]) -> Activation:
    first = rows[0].activation
    return Activation(
        rows[0].model,
        first.mode,
        format_rfc3339(max(row.activation.active_from for row in rows)),
        first.actor,
        len(rows),
        sum(row.activation.swept_at is not None for row in rows),
        sum(row.activation.swept for row in rows),
    )
