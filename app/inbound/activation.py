"""`model.activated`: no interaction of a contact but a command to every lane partition.

It is no type of a model, has no home, and counts in the partition in which it stands; so it comes
from the commands topic only, and is never forwarded.
"""

from functools import cache

from app.domain.reasons import Reason
from app.domain.rewriting import ACTIVATED, SNAPSHOT_REQUESTED
from app.domain.timestamps import parse_rfc3339
from app.errors import Poison
from app.handling.origin import FORWARDED, Origin
from app.handling.records import Activation
from app.inbound.attributes import tenant_of
from app.inbound.event import Event
from app.inbound.validation import COMMAND_SCHEMAS, DataCheck, load_schemas

__all__ = ["ACTIVATED", "activation_check", "activation_of"]


@cache
def activation_check() -> DataCheck:
    return DataCheck(load_schemas(COMMAND_SCHEMAS)[ACTIVATED], ())


@cache
def snapshot_check() -> DataCheck:
    """Of `snapshot.requested`, which is about a contact, and is no interaction of it either."""
    return DataCheck(load_schemas(COMMAND_SCHEMAS)[SNAPSHOT_REQUESTED], ())


def activation_of(event: Event, check: DataCheck, origin: Origin | None) -> Activation:
    """Poison: not_allowed_here or schema_violation."""
    if origin is not None:
        raise Poison(
            Reason.NOT_ALLOWED_HERE, f"header {FORWARDED}: {ACTIVATED} is for its own partition"
        )
    data = event.data if event.data is not None else {}
    if not check.is_valid(data):
        raise check.explain(data)
    active_from = parse_rfc3339(data["active_from"])
    if active_from is None:
        raise Poison(Reason.SCHEMA_VIOLATION, "/data/active_from: must be a date-time")
    return Activation(
        tenant_of(event),
        event.id,
        data["model"],
        data["content_hash"],
        data["mode"],
        active_from,
        data["actor"],
    )
