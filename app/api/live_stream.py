"""GET /v1/stream: what is published, as it is published, as server-sent events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from litestar import get
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from app.api.describing import Described, needs
from app.api.principal import Principal, Scope
from app.api.problems import RETRY_AFTER_SECONDS, Problem
from app.live.client import Wanted
from app.live.position import TEXT_MAX_CHARS
from app.live.streaming import Streaming
from app.outbound.headers import EventType

EVENT_STREAM: Final = "text/event-stream"
CHOICES_MAX: Final = 50

NOT_BUFFERED: Final = {"x-accel-buffering": "no"}
"""A proxy in front must hand on what comes at once."""

SHAPE: Final = """\
Events without a name: `id` is the position to resume from, `data` a CloudEvent in structured mode \
whose own `id` is its identity. Events that are named tell of the stream: `reset` (what passed \
meanwhile can't be told: load again what you show), `dropped` (you read too slowly) and `end` \
(connect again with the last id). Comments are heartbeats."""


@dataclass
class StreamOperation(Described):
    def __post_init__(self) -> None:
        super().__post_init__()
        answer = (self.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse):
            schema = Schema(type=OpenAPIType.STRING, description=SHAPE)
            answer.description = "Events, until one of the two ends it."
            answer.content = {EVENT_STREAM: OpenAPIMediaType(schema=schema)}


Types = Annotated[
    list[EventType] | None,
    QueryParameter(max_items=CHOICES_MAX, description="Only events of these types."),
]
Stages = Annotated[
    list[str] | None,
    QueryParameter(
        max_items=CHOICES_MAX,
        description="Only where one of these stages holds then.",
    ),
]
OwnerTeams = Annotated[
    list[str] | None,
    QueryParameter(max_items=CHOICES_MAX, description="Only of contacts these teams own."),
]
LastEventId = Annotated[
    str | None,
    HeaderParameter(
        name="Last-Event-ID",
        max_length=TEXT_MAX_CHARS,
        description="The last `id` of a stream before: what was published since comes first.",
    ),
]
LastId = Annotated[
    str | None,
    QueryParameter(
        name="last_event_id",
        max_length=TEXT_MAX_CHARS,
        description="As the header Last-Event-ID, for who can't set headers.",
    ),
]


@get(
    "/stream",
    summary="What happens, as it happens",
    media_type=EVENT_STREAM,
    **needs(Scope.CONTACTS_READ, "Live", StreamOperation),
)
async def stream(
    principal: Given[Principal],
    streaming: Given[Streaming],
    type: Types = None,
    stage: Stages = None,
    owner_team: OwnerTeams = None,
    last_event_id: LastEventId = None,
    last_id: LastId = None,
) -> Stream:
    """All that is published but snapshots, of the token's tenant. After a Last-Event-ID nothing is
    missing; what was told may be told again, with the same identity."""
    client = streaming.join(Wanted(principal.tenant, _set(type), _set(stage), _set(owner_team)))
    if client is None:
        raise _too_many()
    frames = streaming.frames(client, last_event_id or last_id)
    leave = BackgroundTask(frames.aclose)
    return Stream(frames, media_type=EVENT_STREAM, headers=NOT_BUFFERED, background=leave)


def _set(given: Sequence[str] | None) -> frozenset[str]:
    return frozenset(str(each) for each in given or ())


def _too_many() -> Problem:
    return Problem(
        503,
        "too-many-streams",
        "as many streams are open here as may be: try again in a few seconds",
        headers={"retry-after": str(RETRY_AFTER_SECONDS)},
    )


STREAM_ROUTES: list[HTTPRouteHandler] = [stream]
