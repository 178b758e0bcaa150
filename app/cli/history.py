"""`funnel contact history`: all that was ever said of a contact's stages, or what stood when."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from app.cli import printing
from app.cli.known import AsOf, Key, Known, Tenant, known_of

if TYPE_CHECKING:
    from app.domain.changes import Change
    from app.domain.interaction import Microseconds
    from app.storage.rows import StoredChange

KnownAt = Annotated[
    str | None, typer.Option("--known-at", metavar="T", help="What was known then. Default: now.")
]


def history(
    key: Key,
    tenant: Tenant = "default",
    as_of: AsOf = None,
    known_at: KnownAt = None,
    as_json: printing.Json = False,
) -> None:
    """Every stage change, also those taken back: when it was true and when it was decided.

    With --as-of or --known-at: the moves that had led to that moment, by what was known at that.
    """
    known = known_of(key, tenant)
    if as_of is not None or known_at is not None:
        _tell_standing(known, key, as_of, known_at, as_json)
    elif as_json:
        printing.json([_plain_of(stored, known) for stored in known.history])
    else:
        _table(known, known.history)


def _tell_standing(
    known: Known, key: str, as_of: str | None, known_at: str | None, as_json: bool
) -> None:
    """What stood then, and the stage it had led to."""
    from app.cli.moments import moment_given, told_moment
    from app.domain.bitemporal import standing
    from app.domain.state import NONE

    knew = moment_given(known_at, known.rules) or known.at
    true = moment_given(as_of, known.rules) or knew
    moves = [_as_known(stored, knew) for stored in standing(known.history, true, knew)]
    stage = moves[-1].change.to_stage if moves else NONE
    if as_json:
        moments = {"as_of": told_moment(true), "known_at": told_moment(knew)}
        printing.json(
            {**moments, "stage": stage, "moves": [_plain_of(each, known) for each in moves]}
        )
        return
    _table(known, moves)
    printing.line(f"{key} was {stage} on {told_moment(true)}, as known on {told_moment(knew)}.")


def _table(known: Known, history: "list[StoredChange]") -> None:
    """A table of records, as they came or as they stood."""
    from app.cli.explaining import moment

    printing.table(
        ("seq", "true since", "move", "record", "because of", "transition", "decided", "revoked"),
        [
            (
                stored.change.seq,
                moment(stored.change.effective_at),
                f"{stored.change.from_stage} → {stored.change.to_stage}",
                stored.change.kind + (", late" if stored.change.late else ""),
                _because(stored.change, known),
                stored.change.transition,
                moment(stored.decided_at),
                None if stored.revoked_at is None else moment(stored.revoked_at),
            )
            for stored in history
        ],
    )


def _because(change: "Change", known: Known) -> str:
    member = known.member_of(change)
    return change.cause.type + (f" of {member}" if member else "")


def _plain_of(stored: "StoredChange", known: Known) -> dict[str, Any]:
    return {**plain(stored), "member": known.member_of(stored.change)}


def _as_known(stored: "StoredChange", at: "Microseconds") -> "StoredChange":
    """Without what took it back later."""
    is_later = stored.revoked_at is not None and stored.revoked_at > at
    return msgspec.structs.replace(stored, revoked_at=None) if is_later else stored


def plain(stored: "StoredChange") -> dict[str, Any]:
    from app.domain.timestamps import format_rfc3339

    change = msgspec.structs.asdict(stored.change)
    times = {"effective_at": stored.change.effective_at, "decided_at": stored.decided_at}
    told = {name: format_rfc3339(at) for name, at in times.items()}
    revoked = None if stored.revoked_at is None else format_rfc3339(stored.revoked_at)
    return {**change, **told, "revoked_at": revoked}
