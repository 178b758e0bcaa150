"""Why a contact is where it is, and why not elsewhere."""

from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.di import NamedDependency as Given
from litestar.openapi.spec import Example
from litestar.params import QueryParameter

from app.api.contact_reading import ContactReading
from app.api.contacts import READS
from app.api.principal import Principal
from app.api.shapes import StageChange, stage_change
from app.domain.bitemporal import standing
from app.domain.changes import GuardResult
from app.domain.decide import explain
from app.domain.explanation import Explanation
from app.domain.interaction import Microseconds
from app.domain.timestamps import format_rfc3339
from app.domain.why_not import Foreseen, WhyNot

Stage = Annotated[
    str,
    QueryParameter(
        description="The stage it is not in.",
        max_length=64,
        examples=[Example(summary="Of the shipped models", value="customer")],
    ),
]


class Why(msgspec.Struct, frozen=True):
    stage: str
    decisions: list[StageChange]
    """The moves that led here and still stand, each with its guards and evidence."""
    ways_out: list[Explanation]
    """Every transition from here, with its guards as they are now."""


class Suggestion(msgspec.Struct, frozen=True):
    """An interaction that would help; data in angle brackets is to be filled in."""

    type: str
    data: dict[str, Any]


class ForeseenMove(msgspec.Struct, frozen=True):
    transition: str
    from_stage: str
    to_stage: str
    cycle: int
    inferred: bool
    effective_at: str
    guards: list[GuardResult]


class Alone(msgspec.Struct, frozen=True):
    """What happens if nothing else does."""

    at: str
    timer: str
    moves: list[ForeseenMove]


class WhyNotAnswer(msgspec.Struct, frozen=True):
    stage: str
    target: str
    at: str
    model: str
    is_reachable: bool
    """By interactions or by waiting; not counting a person's override."""
    ways: list[Explanation]
    """The transitions of the shortest way, each with its guards as they are now."""
    suggestion: list[Suggestion]
    """The smallest set of interactions that leads there, verified by folding them on a copy."""
    moves: list[ForeseenMove]
    not_before: str | None
    """They help only from then on: a person has pinned the contact until then."""
    by_itself: Alone | None
    tried: int
    note: str | None


@get(
    "/contacts/{contact_id:str}/why", summary="How it came to its stage, and what is next", **READS
)
async def why(
    key: Given[str],
    principal: Given[Principal],
    contacts: Given[ContactReading],
) -> Why:
    ruling = await contacts.ruling(principal.tenant, key)
    contact = await contacts.contact(principal.tenant, key)
    records = await contacts.history(principal.tenant, key)
    return Why(
        contact.stage,
        [stage_change(each) for each in standing(records)],
        explain(contact, ruling, contacts.clock()),
    )


@get("/contacts/{contact_id:str}/why-not", summary="What is missing for a stage", **READS)
async def why_not(
    key: Given[str],
    principal: Given[Principal],
    contacts: Given[ContactReading],
    stage: Stage,
) -> WhyNotAnswer:
    return told(await contacts.why_not(principal.tenant, key, stage))


def told(answer: WhyNot) -> WhyNotAnswer:
    alone = answer.by_itself
    return WhyNotAnswer(
        stage=answer.stage,
        target=answer.target,
        at=format_rfc3339(answer.at),
        model=answer.model,
        is_reachable=answer.is_reachable,
        ways=list(answer.ways),
        suggestion=[Suggestion(each.type, each.data) for each in answer.suggestion],
        moves=[_move(each) for each in answer.moves],
        not_before=_moment(answer.not_before),
        by_itself=None
        if alone is None
        else Alone(format_rfc3339(alone.at), alone.timer, [_move(each) for each in alone.moves]),
        tried=answer.tried,
        note=answer.note,
    )


def _move(move: Foreseen) -> ForeseenMove:
    return ForeseenMove(
        move.transition,
        move.from_stage,
        move.to_stage,
        move.cycle,
        move.inferred,
        format_rfc3339(move.effective_at),
        list(move.guards),
    )


def _moment(at: Microseconds | None) -> str | None:
    return None if at is None else format_rfc3339(at)
