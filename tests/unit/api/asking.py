"""The API in memory: whole, but nothing behind it answers; Kafka may be a list."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from app import bootstrap_api
from app.api.access import Access
from app.api.application import make_application
from app.api.command_log import CommandLog
from app.api.command_waits import CommandWaits
from app.api.commands import Commands
from app.api.edge import Edge
from app.api.intake import Intake, Outgoing
from app.api.principal import Scope
from app.api.publishing import Publishing
from app.api.tenant_types import TenantTypes
from app.api.tokens import read_tokens
from app.bootstrap_api import ROUTES, build_api
from app.domain.command_outcome import CommandState
from app.domain.rules import Rules
from app.models import load_rules
from app.settings import Kafka, Settings, load
from app.storage.command_queries import NewCommand, StoredCommand
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
        stored_token("rules-of-acme", ["models:write", "contacts:read"], tenant="acme"),
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


class Noted(CommandLog):
    """PostgreSQL as a dict; a test decides."""

    def __init__(self, waits_max: int = 2) -> None:
        self.rows: dict[tuple[str, str], StoredCommand] = {}
        self.is_noted = asyncio.Event()
        self.waits = CommandWaits(self._decided, waits_max=waits_max)

    async def note(self, new: NewCommand) -> StoredCommand:
        row = StoredCommand(
            **msgspec.structs.asdict(new), received_at=1, state=CommandState.PENDING,
            decided_at=None, reason=None, message=None, stage=None, seq=None, moves=[],
        )  # fmt: skip
        self.is_noted.set()
        return self.rows.setdefault((new.tenant, new.command_id), row)

    def decide(self, **result: Any) -> None:
        """All that are there."""
        for key, row in self.rows.items():
            self.rows[key] = msgspec.structs.replace(row, **result)

    async def find(self, tenant: str, command_id: str) -> StoredCommand | None:
        return self.rows.get((tenant, command_id))

    async def _decided(self, keys: Collection[tuple[str, str]]) -> list[StoredCommand]:
        return [self.rows[key] for key in keys if self.rows[key].state != CommandState.PENDING]


async def default_model(tenant: str) -> list[Rules]:
    """Nothing was activated."""
    return [load_rules("b2b-default@1")]


@asynccontextmanager
async def writing(
    token: str = "everything",
    log: CommandLog | None = None,
    also: Callable[[Commands], Mapping[str, Any]] = lambda _: {},
) -> AsyncIterator[tuple[httpx.AsyncClient, Kept]]:
    """What it writes is kept. `also`: other parts of it, by what they send commands with."""
    kept, found = Kept(), settings()
    checker = bootstrap_api.make_checker(found, TenantTypes(default_model, time.monotonic))
    database = bootstrap_api._database(found)
    commands = Commands(checker, kept, log or Noted(), wait_max_seconds=2.0)
    parts = {
        **bootstrap_api._parts(found, database, kept),
        "publishing": Publishing(checker, kept, batch_max=BATCH_MAX),
        "commands": commands,
        **also(commands),
    }
    access = Access(read_tokens(TOKENS), None, is_open=False)
    inner = make_application(
        ROUTES, [], access, parts=parts, version="1", request_max_bytes=64 * 1024
    )
    edge = Edge(inner, request_timeout_seconds=30.0)
    async with asking(edge, bearer(token)) as client:
        yield client, kept
    await database.close()
