"""The HTTP API as a service beside a module's lanes, asked as another process would."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from app.bootstrap_api import build_api_services
from app.runtime.embedded.stack import EmbeddedStack
from app.runtime.shell import run
from app.settings import load
from app.telemetry.metrics import Metrics
from tests.scenario.conftest import Service


def token(name: str, scopes: Sequence[str], tenant: str = "default") -> dict[str, Any]:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return {"name": name, "sha256": digest, "tenant": tenant, "scopes": list(scopes)}


def bearer(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}"}


@asynccontextmanager
async def serving(
    stack: EmbeddedStack, service: Service, tokens: Sequence[Mapping[str, Any]], **different: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """With the first of the tokens, until it is told another."""
    settings = load(
        {},
        api={"tokens": json.dumps(tokens), "port": 0},
        kafka={
            "bootstrap_servers": stack.bootstrap_servers,
            "group_id": urlsplit(service.database_url).path.strip("/"),
        },
        database={"url": service.database_url},
        **different,
    )
    web = build_api_services(settings, Metrics()).web
    stop, started = asyncio.Event(), asyncio.Event()
    ended = asyncio.create_task(
        run(lambda: [web], drain_timeout_seconds=5.0, stop=stop, started=started)
    )
    await started.wait()
    headers = bearer(tokens[0]["name"])
    async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=30) as client:
        yield client
    stop.set()
    assert await ended == 0
