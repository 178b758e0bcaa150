"""What moves right now, as parts of the page, over server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency as Given
from litestar.params import HeaderParameter
from litestar.response import Stream

from app.api.principal import Principal, Scope
from app.api.ui.guarding import page
from app.api.ui.ports import Feed
from app.api.ui.rendering import HEADERS, Renderer

EVENT_STREAM = "text/event-stream"
LastId = Annotated[str | None, HeaderParameter(name="Last-Event-ID", max_length=4096)]


@get("/funnel/live", **page(Scope.CONTACTS_READ))
async def live_changes(
    request: Request[Any, Any, Any],  # noqa: ARG001 - it names the route's kind
    principal: Given[Principal],
    feed: Given[Feed],
    renderer: Given[Renderer],
    last_id: LastId = None,
) -> Stream:
    changes = feed.changes(principal.tenant, last_id)
    headers = {**HEADERS, "cache-control": "no-store", "x-accel-buffering": "no"}
    return Stream(_told(changes, renderer), media_type=EVENT_STREAM, headers=headers)


async def _told(changes: AsyncIterator[Any], renderer: Renderer) -> AsyncIterator[bytes]:
    yield b"retry: 3000\n\n"
    async for item in changes:
        if item is None:
            yield b": still here\n\n"
            continue
        text = " ".join(renderer.part("feed_item.html", item=item).split())
        yield f"id: {item.id}\nevent: change\ndata: {text}\n\n".encode()
