"""What each tenant's `name@version` says: once it is kept, the same for ever.

A row names a model by its content; tenants whose models say the same share the row of `model`.
One tenant's names are nothing to another. Every function raises Unavailable when PostgreSQL is
away.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from sqlalchemy import Select, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.interaction import Microseconds
from app.storage.engine import reaching, rows_of
from app.storage.models import StoredModel
from app.storage.stored import microseconds
from app.storage.tables import model, model_version

KEPT_MAX = 1_000_000_000
"""No bound, for whoever operates the service."""


class KeptModel(msgspec.Struct, frozen=True):
    """A line of a list: who uploaded it, or first activated it."""

    name: str
    version: int
    content_hash: str
    title: str
    kept_by: str
    kept_at: Microseconds

    @property
    def ref(self) -> str:
        return f"{self.name}@{self.version}"


class Kept(msgspec.Struct, frozen=True):
    content_hash: str
    """What the version says; another one than was given: it said something else before."""
    is_new: bool


@asynccontextmanager
async def alone(engine: AsyncEngine, tenant: str) -> AsyncIterator[bool]:
    """True: nobody else is activating a model for the tenant, and nobody will meanwhile."""
    key = func.hashtextextended(f"activating {tenant}", 0)
    with reaching("activating a model"):
        async with engine.begin() as connection:
            yield bool(await connection.scalar(select(func.pg_try_advisory_xact_lock(key))))


async def keep(
    engine: AsyncEngine, tenant: str, given: StoredModel, by: str, *, most: int = KEPT_MAX
) -> Kept | None:
    """Store it, unless the version is kept. None: the tenant has `most` already."""
    mine = model_version.c.tenant == tenant
    there = select(func.count()).select_from(model_version).where(mine).scalar_subquery()
    row = select(
        literal(tenant), literal(given.name), literal(given.version),
        literal(given.content_hash), literal(by), func.now(),
    ).where(there < most)  # fmt: skip
    names = ["tenant", "name", "version", "content_hash", "kept_by", "kept_at"]
    version = insert(model_version).from_select(names, row).on_conflict_do_nothing()
    values = {**msgspec.structs.asdict(given), "created_at": func.now()}
    with reaching("keeping a model"):
        async with engine.begin() as connection:
            made = await connection.execute(version.returning(model_version.c.content_hash))
            is_new = made.first() is not None
            if is_new:
                await connection.execute(insert(model).values(values).on_conflict_do_nothing())
            version_kept = _version(tenant, given.name, given.version)
            known: str | None = await connection.scalar(version_kept)
    return None if known is None else Kept(known, is_new)


async def find(engine: AsyncEngine, tenant: str, ref: str) -> tuple[KeptModel, StoredModel] | None:
    """`ref`: name@version."""
    name, _, version = ref.rpartition("@")
    if not (version.isdecimal() and version.isascii() and len(version) < 10):
        return None
    query = _listed(tenant, model.c.definition).where(
        model_version.c.name == name, model_version.c.version == int(version)
    )
    rows = await rows_of(engine, "reading a model", query)
    if not rows:
        return None
    *listed, definition = rows[0]
    kept = _kept(listed)
    return kept, StoredModel(kept.content_hash, kept.name, kept.version, definition)


async def of_tenant(engine: AsyncEngine, tenant: str, limit: int) -> list[KeptModel]:
    """The newest, by name."""
    query = _listed(tenant).order_by(model_version.c.kept_at.desc()).limit(limit)
    rows = await rows_of(engine, "reading models", query)
    return sorted((_kept(list(row)) for row in rows), key=lambda each: (each.name, each.version))


def _listed(tenant: str, *also: Any) -> Select[Any]:
    columns = [model_version.c[name] for name in ("name", "version", "content_hash")]
    title = func.coalesce(model.c.definition["title"].as_string(), "")
    return (
        select(*columns, title, model_version.c.kept_by, model_version.c.kept_at, *also)
        .join(model, model.c.content_hash == model_version.c.content_hash)
        .where(model_version.c.tenant == tenant)
    )


def _kept(row: list[Any]) -> KeptModel:
    name, version, content_hash, title, kept_by, kept_at = row
    return KeptModel(name, version, content_hash, title, kept_by, microseconds(kept_at))


def _version(tenant: str, name: str, version: int) -> Select[tuple[str]]:
    return select(model_version.c.content_hash).where(
        model_version.c.tenant == tenant,
        model_version.c.name == name,
        model_version.c.version == version,
    )
