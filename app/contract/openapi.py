"""schemas/openapi.json: the HTTP API as it describes itself."""

import asyncio
import json
from typing import Any

from app.bootstrap_api import build_api
from app.settings import load
from app.telemetry.metrics import Metrics

PATH = "/schema"


def openapi() -> dict[str, Any]:
    """Asks an application that is connected to nothing, whatever the environment says."""
    return asyncio.run(described())


async def described() -> dict[str, Any]:
    api = build_api(load({}), Metrics())
    body = b""
    status = 0

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal body, status
        status = message.get("status", status)
        body += message.get("body", b"")

    try:
        await api.application(_question(), receive, send)
    finally:
        await api.close()
    assert status == 200, body
    found: dict[str, Any] = json.loads(body)
    return found


def _question() -> Any:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"accept", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8081),
        "state": {},
    }
