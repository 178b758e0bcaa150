"""Published moves: what identifies one, and which stand by the log."""

from hashlib import blake2b
from typing import NamedTuple

from app.domain.entry import Entry
from app.domain.evidence_log import Past
from app.domain.fold import Made
from app.domain.log import Published, encode, text_of

Identity = tuple[str, str, int, int]
"""Of a move: (from, to, cycle, n)."""


class Standing(NamedTuple):
    """A published move, as the log has it."""

    transition: str
    from_stage: str
    to_stage: str
    cycle: int
    n: int
    digest: bytes
    effective_at: int
    model: str

    @property
    def identity(self) -> Identity:
        return self.from_stage, self.to_stage, self.cycle, self.n


def transition_id(tenant: str, contact_id: str, move: Identity) -> str:
    """32 hex digits of a hash of (tenant, contact, from, to, cycle, n): the cause is no part."""
    return blake2b(encode((tenant, contact_id, *move)), digest_size=16).hexdigest()


def identity_of(move: Made) -> Identity:
    return move.from_stage, move.to_stage, move.cycle, move.n


def standing(past: Past, names: list[str]) -> list[Standing]:
    """The published moves of logged steps, oldest first."""
    return [
        _standing(move, entry, names)
        for entry, logged in past
        if logged is not None
        for move in logged.made
    ]


def _standing(move: Published, entry: Entry, names: list[str]) -> Standing:
    return Standing(
        text_of(move.transition, names),
        text_of(move.from_stage, names),
        text_of(move.to_stage, names),
        move.cycle,
        move.n,
        move.digest,
        entry.time,
        text_of(move.model, names),
    )
