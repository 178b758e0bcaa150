"""A command as it is shown: what was asked for, by whom, and what became of it."""

import msgspec

from app.api.command_types import COMMANDS
from app.domain.command_outcome import CommandState
from app.domain.rewriting import ACTIVATED
from app.domain.timestamps import format_rfc3339
from app.storage.command_queries import StoredCommand

_NAMES = {kind.type: name for name, kind in COMMANDS.items()} | {ACTIVATED: "activate"}


class CommandMove(msgspec.Struct, frozen=True):
    """A record that it made on funnel.stage-changes.v1."""

    seq: int
    kind: str
    """changed, revoked or corrected."""
    transition_id: str
    transition: str
    from_stage: str
    to_stage: str


class Command(msgspec.Struct, frozen=True):
    """Kept seven days. After an erasure it says neither about whom it was nor what it moved."""

    command_id: str
    """Of one sent here also the id of the interaction that it became, whose source is
    /funnel/api."""
    state: CommandState
    """Of a refused one `reason` and `message` say why. It had no effect, but stays in the contact's
    timeline: what comes to be known later may give it one."""
    command: str | None
    """null: a type that can't be sent here. `activate`: of a model, POST
    /v1/models/{model}/activate; what became of it stands at /v1/activations/{command_id}."""
    type: str
    """Of the interaction."""
    contact_id: str | None
    """null: the contact was erased, or it is about a model."""
    actor: str
    scope: str | None
    """By which the token was allowed to; null: it did not come through here."""
    source: str
    received_at: str
    decided_at: str | None
    """null while it is pending. One that stays so did not reach Kafka: send it again."""
    reason: str | None
    message: str | None
    stage: str | None
    """The contact's, right after it."""
    seq: int | None
    moves: list[CommandMove]


class CommandPage(msgspec.Struct, frozen=True):
    items: list[Command]
    next: str | None


def command_answer(stored: StoredCommand) -> Command:
    at = stored.decided_at
    return Command(
        command_id=stored.command_id,
        state=stored.state,
        command=_NAMES.get(stored.type),
        type=stored.type,
        contact_id=stored.contact_id,
        actor=stored.actor,
        scope=stored.scope,
        source=stored.source,
        received_at=format_rfc3339(stored.received_at),
        decided_at=None if at is None else format_rfc3339(at),
        reason=stored.reason,
        message=stored.message,
        stage=stored.stage,
        seq=stored.seq,
        moves=[CommandMove(**msgspec.structs.asdict(move)) for move in stored.moves],
    )
