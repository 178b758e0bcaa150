"""The API in memory: whole, but nothing behind it answers; Kafka may be a list."""

import hashlib
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from app import bootstrap_api
from app.api.access import Access
from app.api.application import make_application
from app.api.commands import Commands
from app.api.edge import Edge
from app.api.intake import Intake, Outgoing
from app.api.principal import Scope
from app.api.publishing import Publishing
from app.api.tenant_types import TenantTypes
from app.api.tokens import read_tokens
from app.bootstrap_api import ROUTES, build_api
from app.domain.rules import Rules
from app.models import load_rules
from app.settings import Kafka, Settings, load
from app.telemetry.metrics import Metrics

NOWHERE = {
    "kafka": {"bootstrap_servers": "127.0.0.1:1"},
    "database": {"url": "postgresql://nobody@127.0.0.1:1/nothing"},
}
HERE = "http://127.0.0.1:8081"
BATCH_MAX = 3


def stored_token(token: str, scopes: Sequence[str], **different: str) -> dict[str, Any]:
    digest = hashlib.sha256(token.encode()).hexdigest()
    return {"name": token, "sha256": digest, "scopes": list(scopes), **different}


TOKENS = json.dumps(
    [
        stored_token("everything", list(Scope)),
        stored_token("reader", ["contacts:read"]),
        stored_token("sales", ["contacts:command"]),
        stored_token("shop-of-acme", ["interactions:write"], tenant="acme"),
    ]
)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def settings(**api: Any) -> Settings:
    return load({}, api={"tokens": TOKENS, **api}, **NOWHERE)


@asynccontextmanager
async def asking(
    application: Any, headers: Mapping[str, str] | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=HERE, headers=headers) as client:
        yield client


@asynccontextmanager
async def api(
    found: Settings | None = None, headers: Mapping[str, str] | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """All of it, with PostgreSQL and Kafka away."""
    built = build_api(found or settings(), Metrics())
    async with asking(built.application, headers) as client:
        yield client
    await built.close()


class Kept(Intake):
    """Kafka as a list."""

    def __init__(self) -> None:
        super().__init__(Kafka())
        self.records: list[Outgoing] = []

    async def put(self, records: Sequence[Outgoing]) -> None:
        self.records += records

    @property
    def events(self) -> list[Mapping[str, Any]]:
        return [json.loads(record.value) for record in self.records]


async def default_model(tenant: str) -> list[Rules]:
    """Nothing was activated."""
    return [load_rules("b2b-default@1")]


@asynccontextmanager
async def writing(token: str = "everything") -> AsyncIterator[tuple[httpx.AsyncClient, Kept]]:
    """What it writes is kept."""
    kept, found = Kept(), settings()
    checker = bootstrap_api.make_checker(found, TenantTypes(default_model, time.monotonic))
    database = bootstrap_api._database(found)
    parts = {
        **bootstrap_api._parts(found, database, kept),
        "publishing": Publishing(checker, kept, batch_max=BATCH_MAX),
        "commands": Commands(checker, kept),
    }
    access = Access(read_tokens(TOKENS), None, is_open=False)
    inner = make_application(
        ROUTES, [], access, parts=parts, version="1", request_max_bytes=64 * 1024
    )
    edge = Edge(inner, request_timeout_seconds=30.0)
    async with asking(edge, bearer(token)) as client:
        yield client, kept
    await database.close()
