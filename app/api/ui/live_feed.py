"""What moves right now, as parts of the page, over server-sent events."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from litestar import get
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency as Given
from litestar.params import HeaderParameter
from litestar.response import Stream

from app.api.principal import Principal, Scope
from app.api.ui.guarding import page
from app.api.ui.published_feed import PublishedFeed, Told
from app.api.ui.rendering import HEADERS, Renderer

EVENT_STREAM = "text/event-stream"
RETRY = b"retry: 2000\n\n"
LIVE = b"event: live\ndata: live\n\n"
"""From here on it is told what happens: an open stream alone may be waiting for Kafka."""
LastId = Annotated[str | None, HeaderParameter(name="Last-Event-ID", max_length=4096)]


@get("/funnel/live", **page(Scope.CONTACTS_READ))
async def live_changes(
    principal: Given[Principal],
    feed: Given[PublishedFeed],
    renderer: Given[Renderer],
    last_id: LastId = None,
) -> Stream:
    frames = _frames(feed.changes(principal.tenant, last_id), renderer)
    headers = {**HEADERS, "cache-control": "no-store", "x-accel-buffering": "no"}
    leave = BackgroundTask(frames.aclose)
    return Stream(frames, media_type=EVENT_STREAM, headers=headers, background=leave)


async def _frames(
    changes: AsyncGenerator[Told, None], renderer: Renderer
) -> AsyncGenerator[bytes, None]:
    is_live = False
    async with aclosing(changes):
        yield RETRY
        async for told in changes:
            if told.position is not None and not is_live and told.control is None:
                is_live = True
                yield LIVE
            yield _frame(told, renderer).encode()


def _frame(told: Told, renderer: Renderer) -> str:
    position = "" if told.position is None else f"id: {told.position}\n"
    if told.item is not None:
        text = " ".join(renderer.part("feed_item.html", item=told.item).split())
        return f"{position}event: change\ndata: {text}\n\n"
    if told.control is not None:
        return f"{position}event: {told.control}\ndata: {told.control}\n\n"
    return f": still here\n{position}\n"
