"""What is decided about one interaction, or about due timers: the domain's answer to the lane."""

from collections.abc import Sequence
from typing import Final

import msgspec

from app.domain.changes import Change, Command, Signal, Verdict


class Decision(msgspec.Struct, frozen=True, gc=False):
    verdict: Verdict
    changes: list[Change]
    """To record and publish, in order."""
    snapshot_due: bool
    """Stage, temperature, facts, owner or account may look different to others."""
    signals: Sequence[Signal] = ()
    """To publish after the changes, in order."""
    commands: Sequence[Command] = ()
    """To send to other contacts, in order."""


DUPLICATE: Final = Decision(Verdict.DUPLICATE, [], False)
IGNORED: Final = Decision(Verdict.IGNORED, [], False)
APPLIED: Final = Decision(Verdict.APPLIED, [], False)
LATE: Final = Decision(Verdict.LATE, [], False)
"""Shared: a decision and its changes are only read."""


def joined(first: Decision, then: Decision) -> Decision:
    """Two decisions about a contact, one after the other, as one."""
    if first is IGNORED:
        return then
    return Decision(
        then.verdict,
        [*first.changes, *then.changes],
        first.snapshot_due or then.snapshot_due,
        (*first.signals, *then.signals),
        (*first.commands, *then.commands),
    )
