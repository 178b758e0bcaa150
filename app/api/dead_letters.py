"""What could not be processed: found, looked at, and sent again once it can be.

Of the whole service: a dead letter may be of no tenant, for it may say none that can be read.
"""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from app.api.bodies import RedriveOperation, media_type_of
from app.api.cursor import After, Limit
from app.api.database import Database
from app.api.dead_letter_reading import find_letter, read_letters, redrive_letter
from app.api.dead_letter_shapes import (
    DeadLetter,
    DeadLetterDetail,
    DeadLetterPage,
    dead_letter_answer,
    dead_letter_detail,
)
from app.api.describing import WITH_BODY, needs
from app.api.intake import Intake
from app.api.principal import Principal, Scope
from app.api.redrive_body import moment, redrive_of, wanted_of
from app.domain.reasons import Reason
from app.outbound.redriving import Redriven, Redriving
from app.storage.dead_letter_queries import Wanted

READS: dict[str, Any] = needs(Scope.OPS_READ, "Operations")
REDRIVES: dict[str, Any] = needs(Scope.OPS_WRITE, "Operations")
REDRIVES_MANY: dict[str, Any] = needs(Scope.OPS_WRITE, "Operations", RedriveOperation, WITH_BODY)

BODY_MAX_BYTES: Final = 16 * 1024
REDRIVE_MAX_SECONDS: Final = 20.0
"""Below the time-out of a request: what is left over is said, and asked for again."""

_text: Final = r"^[^\x00]+$"
OnlyReason = Annotated[Reason | None, QueryParameter(description="Only with this reason.")]
OnlyType = Annotated[
    str | None,
    QueryParameter(
        name="type", max_length=256, pattern=_text, description="Only of this interaction type."
    ),
]
OnlySource = Annotated[
    str | None,
    QueryParameter(max_length=256, pattern=_text, description="Only from this producer."),
]
Since = Annotated[
    str | None,
    QueryParameter(max_length=64, format="date-time", description="Failed then or later."),
]
Until = Annotated[
    str | None, QueryParameter(max_length=64, format="date-time", description="Failed before.")
]
OnlyRedriven = Annotated[
    bool | None, QueryParameter(description="true: sent again; false: not yet.")
]


class RedrivenAnswer(msgspec.Struct, frozen=True):
    dry_run: bool
    matched: int
    redriven: int
    """Sent again, or, in a dry run, would be."""
    skipped: int
    """Too large to have been kept whole: they can't be sent again."""
    remaining: int
    """Ask again until nothing remains."""
    ids: list[int]


@get("/dead-letters", summary="What could not be processed, newest first", **READS)
async def dead_letters(
    database: Given[Database],
    reason: OnlyReason = None,
    of_type: OnlyType = None,
    source: OnlySource = None,
    since: Since = None,
    until: Until = None,
    redriven: OnlyRedriven = None,
    limit: Limit = 50,
    after: After = None,
) -> DeadLetterPage:
    wanted = Wanted(
        reason=reason,
        type=of_type,
        source=source,
        since=moment("since", since),
        until=moment("until", until),
        redriven=redriven,
    )
    return await read_letters(database, wanted, limit=limit, after=after)


@get("/dead-letters/{letter_id:int}", summary="What is wrong with one, and where", **READS)
async def dead_letter(letter_id: FromPath[int], database: Given[Database]) -> DeadLetterDetail:
    return dead_letter_detail(await find_letter(database, letter_id))


@post(
    "/dead-letters/{letter_id:int}/redrive",
    summary="Send one again, as it was",
    status_code=202,
    **REDRIVES,
)
async def redrive_one(
    letter_id: FromPath[int],
    principal: Given[Principal],
    database: Given[Database],
    intake: Given[Intake],
) -> DeadLetter:
    """To the topic it stood on. Twice is safe: an interaction is known by its source and id. Fails
    it again, it is a new dead letter."""
    await redrive_letter(database, intake, principal.actor, letter_id)
    return dead_letter_answer(await find_letter(database, letter_id))


@post(
    "/dead-letters/redrive",
    summary="Send some again, as they were",
    status_code=202,
    request_max_body_size=BODY_MAX_BYTES,
    **REDRIVES_MANY,
)
async def redrive_some(
    request: Request[Any, Any, Any],
    principal: Given[Principal],
    database: Given[Database],
    intake: Given[Intake],
) -> RedrivenAnswer:
    """Oldest first, so many a second, and never for longer than twenty seconds. A dry run says
    which it would be."""
    media_type_of(request, ("application/json",))
    body = redrive_of(await request.body())
    wanted = wanted_of(body)
    redriving = Redriving(database.engine, intake.put_again, principal.actor)
    if body.dry_run:
        done = await redriving.would(wanted, limit=int(body.limit))
    else:
        done = await redriving.many(
            wanted,
            limit=int(body.limit),
            per_second=body.rate_per_second,
            max_seconds=REDRIVE_MAX_SECONDS,
        )
    return _answer(body.dry_run, done)


def _answer(dry_run: bool, done: Redriven) -> RedrivenAnswer:
    return RedrivenAnswer(dry_run, **msgspec.structs.asdict(done))


DEAD_LETTER_ROUTES: list[HTTPRouteHandler] = [
    dead_letters, dead_letter, redrive_one, redrive_some,
]  # fmt: skip
