"""An activation as it is asked for and as it is shown: what decides from when on, and how far the
contacts are brought up to date."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from app.api.activating import Asked
from app.api.describing import Described, describe_command, json_body
from app.domain.command_outcome import CommandState
from app.domain.interaction import Microseconds
from app.domain.timeline import Mode
from app.domain.timestamps import format_rfc3339
from app.storage.command_queries import StoredCommand
from app.storage.model_queries import TimelineRow

_EXAMPLE: Final = {"mode": "refold"}
_SCHEMA: Final = {
    "type": "object",
    "required": ["mode"],
    "additionalProperties": False,
    "properties": {
        "mode": {
            "enum": ["forward", "refold"],
            "description": "forward: it decides what is true from then on, history stays; refold:"
            " it decides all history anew, what differs is revoked and told to everyone.",
        }
    },
}


class ActivationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mode: Mode


class ActivationState(StrEnum):
    PENDING = "pending"
    """Asked for; not every partition has heard of it."""
    WAITING = "waiting"
    """Every partition has: it decides from `active_from` on."""
    SWEEPING = "sweeping"
    """It decides; those of whom nothing is heard are being brought up to date."""
    DONE = "done"
    UNCHANGED = "unchanged"
    """The model decided already, in this mode: nothing was to be done."""
    REFUSED = "refused"


class Activation(msgspec.Struct, frozen=True):
    activation_id: str
    """Also the id of the command: who asked for it stands in GET /v1/commands for seven days."""
    state: ActivationState
    model: str | None
    """null, with what follows: no partition has heard of it yet, or nothing was to be done."""
    content_hash: str | None
    mode: Mode | None
    active_from: str | None
    actor: str
    partitions: int
    """Of the lane; 0: no worker has run yet."""
    heard: int
    """Of these, that have it."""
    done: int
    """Of these, where every contact is up to date."""
    contacts_swept: int
    """Brought up to date, or found to be."""
    contacts: int
    """Of the tenant, about."""
    done_at: str | None
    message: str | None


class ActivationList(msgspec.Struct, frozen=True):
    items: list[Activation]


@dataclass
class ActivateOperation(Described):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.request_body = json_body(_SCHEMA, _EXAMPLE)
        describe_command(self.responses)


def grouped(rows: Sequence[TimelineRow]) -> dict[str, list[TimelineRow]]:
    """By command."""
    by_command: dict[str, list[TimelineRow]] = {}
    for row in rows:
        by_command.setdefault(row.activation.activated_by, []).append(row)
    return by_command


def activation_of_rows(
    rows: Sequence[TimelineRow], partitions: int, contacts: int, now: Microseconds
) -> Activation:
    """One command's, of the partitions that have heard of it."""
    first, each = rows[0], [row.activation for row in rows]
    active_from = max(row.active_from for row in each)
    swept = [row.swept_at for row in each if row.swept_at is not None]
    if len(rows) < partitions:
        state = ActivationState.PENDING
    elif len(swept) == len(rows):
        state = ActivationState.DONE
    else:
        state = ActivationState.WAITING if active_from > now else ActivationState.SWEEPING
    return Activation(
        first.activation.activated_by,
        state,
        first.model,
        first.activation.content_hash,
        first.activation.mode,
        format_rfc3339(active_from),
        first.activation.actor,
        partitions,
        len(rows),
        len(swept),
        sum(row.swept for row in each),
        contacts,
        format_rfc3339(max(swept)) if state is ActivationState.DONE else None,
        None,
    )


def activation_of_command(
    command: StoredCommand, partitions: int, contacts: int, asked: Asked | None = None
) -> Activation:
    """One that no partition has in its timeline. `asked`: by whoever asks now."""
    states = {
        CommandState.PENDING: ActivationState.PENDING,
        CommandState.ACCEPTED: ActivationState.PENDING,
        CommandState.DUPLICATE: ActivationState.UNCHANGED,
        CommandState.REFUSED: ActivationState.REFUSED,
    }
    return Activation(
        command.command_id,
        states[command.state],
        None if asked is None else asked.model,
        None if asked is None else asked.content_hash,
        None if asked is None else asked.mode,
        None if asked is None else format_rfc3339(asked.active_from),
        command.actor,
        partitions,
        heard=0,
        done=0,
        contacts_swept=0,
        contacts=contacts,
        done_at=None,
        message=command.message,
    )
