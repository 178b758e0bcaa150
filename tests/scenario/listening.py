"""A client of the live stream, as a browser's EventSource would be one."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx

TIMEOUT_SECONDS = 30


class Told(NamedTuple):
    name: str
    """Of events about the stream; else "message"."""
    last_id: str
    data: Any


class Listener:
    """What comes, event by event; `last_id` is what a reconnecting client would send."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.last_id = ""
        self.comments = 0
        self.retry_ms = 0
        self._lines = answer.aiter_lines()

    async def event(self) -> Told:
        """The next one. EOFError: the service has closed the stream."""
        name, data = "message", None
        async with asyncio.timeout(TIMEOUT_SECONDS):
            async for line in self._lines:
                field, _, value = line.partition(": ")
                if line == "" and data is not None:
                    return Told(name, self.last_id, json.loads(data))
                match field:
                    case "id":
                        self.last_id = value
                    case "event":
                        name = value
                    case "data":
                        data = value
                    case "retry":
                        self.retry_ms = int(value)
                    case "":
                        self.comments += value == "heartbeat"
        raise EOFError

    async def begun(self) -> None:
        """From here on nothing is missed."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not self.last_id:
                field, _, value = (await anext(self._lines)).partition(": ")
                if field == "id":
                    self.last_id = value
                if field == "retry":
                    self.retry_ms = int(value)

    async def moves(self, contact: str, count: int) -> list[str]:
        """The stages that the contact comes to, the next `count` of them."""
        found: list[str] = []
        while len(found) < count:
            told = await self.event()
            data = told.data
            if data.get("subject") == contact and data["type"] == "funnel.contact.stage_changed.v1":
                found.append(data["data"]["to_stage"])
        return found


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, last_id: str | None = None, **asked: Any
) -> AsyncIterator[Listener]:
    headers = asked.pop("headers", {})
    if last_id is not None:
        headers = {**headers, "last-event-id": last_id}
    async with client.stream("GET", "/v1/stream", params=asked, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        yield Listener(answer)
