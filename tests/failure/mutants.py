"""The protocol broken on purpose: what the checker must catch, or it proves nothing.

Each mutant comes with the failpoint that opens the window its missing part closes.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from tests.failure.run import Scale


def no_fence() -> None:
    """A takeover fences nobody: a stopped predecessor may still commit what it has sent."""
    from app.handling import takeover

    async def fence(*_: Any) -> None:
        return None

    _replace(takeover.Takeover, "_fence", fence)


def no_epoch_check() -> None:
    """The apply does not ask whose partition it is, and what else would stop it is gone, too.

    A takeover ends the predecessor's sessions; D, the contacts' versions and the primary keys of
    history and segments each reject an apply that comes late. Any one of them hides the others'
    absence: a run with only the epoch, D and the versions gone found nothing.
    """
    from app.storage import apply_together, fence, ownership

    cut = (
        " AND p.epoch = m.epoch",
        "AND p.batch_seq = m.expected_seq AND p.next_offsets = m.expected_offsets",
    )
    _replace(fence, "_MOVE", _without(fence._MOVE, cut))
    written = _without(apply_together._WRITE, [" AND c.version = s.expected_version"])
    _replace(apply_together, "_WRITE", written)

    async def let_live(*_: Any) -> None:
        return None

    _replace(ownership, "terminate_sessions", let_live)


def publish_before_apply() -> None:
    """Records and K go to Kafka first, PostgreSQL follows."""
    from app.handling import pipeline

    apply = pipeline.Pipeline.apply

    async def publish_then_apply(self: Any, connection: Any) -> None:
        taken = self._decided.get

        async def published() -> Any:
            batch = await taken()
            records = [record for part in batch.parts for record in part.records]
            await self.in_transaction(records, [part.position for part in batch.parts])
            for part in batch.parts:
                part.records = []
            return batch

        self._decided.get = published
        await apply(self, connection)

    _replace(pipeline.Pipeline, "apply", publish_then_apply)


class Mutant(NamedTuple):
    apply: Callable[[], None]
    failpoints: str
    keyless: tuple[str, ...] = ()
    """Tables that lose their primary keys."""


MUTANTS: Final[dict[str, Mutant]] = {
    "no_fence": Mutant(no_fence, "publish.before_commit=stop:0.004"),
    "no_epoch_check": Mutant(
        no_epoch_check, "apply.before_begin=stop:0.01", keyless=("segment", "stage_change")
    ),
    "publish_before_apply": Mutant(publish_before_apply, "apply.before_begin=kill:0.004"),
}


def apply(name: str) -> None:
    """Break the service of this process."""
    MUTANTS[name].apply()


def scale_of(name: str) -> Scale:
    """A short run in which the window of the mutant is opened often."""
    return Scale(
        interactions=20_000,
        contacts=2_000,
        seconds=45.0,
        faults={"kill": 3},
        failpoints=MUTANTS[name].failpoints,
        keyless=MUTANTS[name].keyless,
        drain_seconds=40.0,
    )


def _without(statement: str, parts: Sequence[str]) -> str:
    for part in parts:
        if part not in statement:
            raise AssertionError(f"the statement has no {part!r} any more: mend the mutant")
        statement = statement.replace(part, "")
    return statement


def _replace(owner: Any, name: str, value: Any) -> None:
    if not hasattr(owner, name):
        raise AssertionError(f"{owner} has no {name} any more: mend the mutant")
    setattr(owner, name, value)
