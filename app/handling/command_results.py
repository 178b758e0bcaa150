"""Which records are people's commands, and the row that says what became of each.

A person's command came on the commands topic, from no lane, and names its actor. What a lane sends
(evidence of identities, links that a form made) tells nobody; what was forwarded from the
interactions topic is nobody's decision. A command without an actor is a program's.
"""

import re
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from app.domain.changes import Change
from app.domain.command_outcome import OF_ERASED, CommandState, Outcome, outcome_of
from app.domain.contact import Contact
from app.domain.decision import Decision
from app.domain.entry import FUNNEL
from app.domain.interaction import Interaction, Microseconds
from app.domain.routing import DEFAULT_TENANT
from app.domain.timeline import Ruling
from app.domain.timestamps import format_rfc3339
from app.domain.topics import CONTACT_LANE_INPUTS, Topic
from app.errors import Poison
from app.handling.claims import TEXT_MAX_CHARS, claims_of
from app.handling.origin import origin_of
from app.handling.records import Activation, SourceRecord
from app.storage.command_results import CommandResultRow, MoveRow
from app.storage.models import ActivationRow

TELLING: Final = 0
"""The partition that says what became of a command to all of them: a row has one writer."""
COMMANDS: Final = CONTACT_LANE_INPUTS.index(Topic.COMMANDS)
"""The topic's place in the contact lane's order: a record of another one is no command."""

_ID: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
"""What our own senders give: a hash, or a UUID."""


class Asker(NamedTuple):
    """Who sent a command, and which."""

    tenant: str
    command_id: str
    contact_id: str | None
    type: str
    source: str
    actor: str
    received_at: Microseconds


def asker_of(record: SourceRecord, item: Interaction) -> Asker | None:
    """None: it is no person's command."""
    actor = item.data.get("actor")
    if type(actor) is not str or item.source == FUNNEL or not _was_command(record):
        return None
    return Asker(
        item.tenant,
        command_id_of(item.source, item.id),
        item.contact_id,
        item.type,
        item.source,
        actor[:TEXT_MAX_CHARS],
        item.arrived_at,
    )


def asker_in(record: SourceRecord) -> Asker | None:
    """The same of a record that could not be read as it should."""
    if not _was_command(record):
        return None
    said = claims_of(record.value, record.headers)
    if not (said.type and said.source and said.id and said.actor) or said.source == FUNNEL:
        return None
    return Asker(
        said.tenant or DEFAULT_TENANT,
        command_id_of(said.source, said.id),
        said.contact_id,
        said.type,
        said.source,
        said.actor,
        record.timestamp_ms * 1000,
    )


def command_id_of(source: str, event_id: str) -> str:
    """The event's own id where that can't be read; else a hash: results outlive an erasure."""
    if _ID(event_id):
        return event_id
    parts = msgspec.json.encode([source, event_id])
    return blake2b(parts, digest_size=16).hexdigest()


def decided(
    asker: Asker,
    contact: Contact,
    item: Interaction,
    decision: Decision,
    ruling: Ruling,
    at: Microseconds,
) -> CommandResultRow:
    """Right after `decide`."""
    outcome, moves = outcome_of(contact, item, decision, ruling)
    return _row(asker, outcome, at, contact.stage, contact.seq, moves)


def activated(
    asker: Asker, asked: Activation, row: ActivationRow | None, at: Microseconds
) -> CommandResultRow:
    """Of a model, for all partitions. `row` is None: it was so already."""
    if row is None:
        outcome = Outcome(CommandState.DUPLICATE, message=f"{asked.model}: it was so already.")
    else:
        since = format_rfc3339(row.active_from)
        message = f"{asked.model} decides from {since} on, by {asked.mode}."
        outcome = Outcome(CommandState.ACCEPTED, message=message)
    return _row(asker._replace(contact_id=None), outcome, at)


def erased(asker: Asker, at: Microseconds) -> CommandResultRow:
    """It asked to erase the contact, and that is done. What the row says names nobody."""
    done = Outcome(CommandState.ACCEPTED)
    return _row(asker._replace(contact_id=None), done, at, OF_ERASED.reason)


def too_late(asker: Asker, at: Microseconds) -> CommandResultRow:
    """Its contact is erased."""
    return _row(asker._replace(contact_id=None), OF_ERASED, at, OF_ERASED.reason)


def buried(asker: Asker, poison: Poison, at: Microseconds) -> CommandResultRow:
    return _row(asker, Outcome(CommandState.REFUSED, poison.reason, str(poison)), at)


def _row(
    asker: Asker,
    outcome: Outcome,
    at: Microseconds,
    stage: str | None = None,
    seq: int | None = None,
    moves: list[Change] | None = None,
) -> CommandResultRow:
    made = [_move(each) for each in moves or ()]
    return CommandResultRow(
        *asker, at, outcome.state, outcome.reason, outcome.message, stage, seq, made
    )


def _move(change: Change) -> MoveRow:
    return MoveRow(
        change.seq,
        change.kind,
        change.transition_id,
        change.transition,
        change.from_stage,
        change.to_stage,
    )


def _was_command(record: SourceRecord) -> bool:
    """Also where it came home by way of another partition of that topic."""
    if record.topic != COMMANDS:
        return False
    try:
        origin = origin_of(record, Topic.COMMANDS)
    except ValueError:
        return False
    return origin is None or origin.topic == Topic.COMMANDS
