"""What decides about a tenant's contacts, for those who read: as the lane has it."""

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.interaction import Microseconds
from app.domain.rules import Rules
from app.domain.timeline import EVER, Ruling, Timeline
from app.domain.topics import CONTACT_LANE
from app.errors import FunnelError
from app.models import load_rules
from app.models.stored import rules_of_stored
from app.settings import Settings
from app.storage import model_queries, queries
from app.storage.model_queries import TimelineRow

_compiled: dict[str, Rules] = {}
"""By content hash: what was activated never changes, and is asked for again and again."""


async def ruling_of(engine: AsyncEngine, settings: Settings, partition: int, tenant: str) -> Ruling:
    """The models in force for a tenant in a partition of the contact lane; where none was
    activated, the one of the settings. Raises ModelError, Unavailable."""
    default = load_rules(settings.model, settings.models_dir)
    rows = await model_queries.timeline(engine, tenant, partition)
    if not rows:
        return default
    return await _timeline(engine, default, rows, await _as_of(engine, partition))


async def deciding_models(engine: AsyncEngine, settings: Settings, tenant: str) -> list[Rules]:
    """All that decide about a tenant's contacts, at whatever time, and those that are activated to.
    Raises ModelError, Unavailable."""
    # An activation is the same in all partitions: the first tells.
    ruling = await ruling_of(engine, settings, 0, tenant)
    to_come = await latest_of(engine, settings, tenant)
    return [*to_come, *(rules for _, _, rules in ruling.spans_after(EVER))]


async def latest_of(engine: AsyncEngine, settings: Settings, tenant: str) -> list[Rules]:
    """The models that were activated last for a tenant, in force or not yet: one, but for
    partitions that have not heard of it yet."""
    found = {row.activation.partition: row for row in await model_queries.timeline(engine, tenant)}
    hashes = {row.activation.content_hash for row in found.values()}
    if not hashes:
        return [load_rules(settings.model, settings.models_dir)]
    return [await _rules(engine, each) for each in sorted(hashes)]


async def _timeline(
    engine: AsyncEngine, default: Rules, rows: list[TimelineRow], as_of: Microseconds
) -> Ruling:
    made = Timeline.of(default)
    for row in rows:
        each = row.activation
        if each.active_from > as_of:
            break
        rules = await _rules(engine, each.content_hash)
        made = made.activated(rules, each.mode, each.active_from)
    return made if made.generation else default


async def _as_of(engine: AsyncEngine, partition: int) -> Microseconds:
    rows = await queries.partitions(engine, CONTACT_LANE)
    return next((row.as_of for row in rows if row.partition == partition), 0)


async def _rules(engine: AsyncEngine, content_hash: str) -> Rules:
    if (known := _compiled.get(content_hash)) is not None:
        return known
    stored = await model_queries.stored_model(engine, content_hash)
    if stored is None:
        raise FunnelError(
            "a model that was activated is not in the table model any more: restore it from a"
            " backup"
        )
    return _compiled.setdefault(content_hash, rules_of_stored(stored.definition))
