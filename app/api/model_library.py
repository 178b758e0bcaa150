"""The models a tenant can have: those that are files of the service, and its own uploaded ones.

Files come first: an uploaded model has another name than they. What was uploaded never changes.
"""

import asyncio
from typing import Final

from app.api.activating import said_otherwise
from app.api.database import Database
from app.api.model_files import ModelFiles
from app.api.model_shapes import LoadedModel, ModelEntry, entry_of
from app.api.model_upload import extended_by, read_upload, wrong_model
from app.api.problems import FieldError, Problem, not_found, wrong_field
from app.domain.finding import Finding
from app.domain.lint import lint
from app.domain.reading import Locate
from app.errors import ModelError
from app.models.stored import plain, rules_of_stored
from app.storage import model_versions
from app.storage.model_versions import Kept, KeptModel
from app.storage.models import StoredModel

READ_AT_ONCE: Final = 1
"""Uploads: each may take a processor for a second."""


class KeptModels:
    """Of PostgreSQL. Every question raises Unavailable."""

    def __init__(self, database: Database, *, models_max: int) -> None:
        self._database = database
        self.models_max = models_max
        """Of a tenant."""

    async def find(self, tenant: str, ref: str) -> tuple[KeptModel, StoredModel] | None:
        return await model_versions.find(self._database.engine, tenant, ref)

    async def of(self, tenant: str) -> list[KeptModel]:
        return await model_versions.of_tenant(self._database.engine, tenant, self.models_max)

    async def keep(self, tenant: str, given: StoredModel, by: str) -> Kept | None:
        return await model_versions.keep(
            self._database.engine, tenant, given, by, most=self.models_max
        )


class ModelLibrary:
    def __init__(self, files: ModelFiles, kept: KeptModels) -> None:
        self._files = files
        self._kept = kept
        self._reading = asyncio.Semaphore(READ_AT_ONCE)

    async def entries(self, tenant: str) -> list[ModelEntry]:
        files = await asyncio.to_thread(self._files.entries)
        there = {each.model for each in files}
        kept = [entry_of(each) for each in await self._kept.of(tenant) if each.ref not in there]
        return sorted([*files, *kept], key=lambda entry: entry.model)

    async def findings(self, tenant: str, name: str) -> list[Finding]:
        """Problem 404."""
        try:
            return await _linted(await self._load(tenant, name))
        except ModelError as refused:
            return [Finding("refused", str(refused))]

    async def loaded(self, tenant: str, name: str) -> LoadedModel:
        """Problem 404, or 422 where it is wrong."""
        try:
            return await self._load(tenant, name)
        except ModelError as refused:
            raise wrong_field("model", str(refused)) from None

    async def linted(self, tenant: str, name: str) -> LoadedModel:
        """One that may decide. Problem 404, 422."""
        loaded = await self.loaded(tenant, name)
        if findings := await _linted(loaded):
            raise wrong_model([each.text for each in findings], {})
        return loaded

    async def add(self, tenant: str, by: str, body: bytes) -> tuple[LoadedModel, bool]:
        """Kept, and whether it is new: the same again is as it was. Problem 409, 422."""
        async with self._reading:
            base = await asyncio.to_thread(extended_by, body)
            bases = {}
            if base is not None and not self._files.has(base):
                found = await self._kept.find(tenant, base)
                bases = {} if found is None else {base: found[1].definition}
            given = await asyncio.to_thread(read_upload, body, self._files.directory, bases)
        if self._files.has(given.name):
            shipped = await self.loaded(tenant, given.name)
            if shipped.content_hash != given.content_hash:
                raise taken(f"{given.name} is a model of the service: give yours another name")
            return shipped, False
        name, _, version = given.name.rpartition("@")
        stored = StoredModel(given.content_hash, name, int(version), plain(given.definition))
        kept = await self._kept.keep(tenant, stored, by)
        if kept is None:
            most = self._kept.models_max
            detail = f"a tenant has at most {most:,} models of its own: none more can be uploaded"
            raise Problem(409, "too-many-models", detail)
        if kept.content_hash != given.content_hash:
            raise taken(said_otherwise(name, int(version)))
        return await self._uploaded(tenant, given.name), kept.is_new

    async def _load(self, tenant: str, name: str) -> LoadedModel:
        """Problem 404. ModelError."""
        if self._files.has(name):
            return await asyncio.to_thread(self._files.load, name)
        return await self._uploaded(tenant, name)

    async def _uploaded(self, tenant: str, name: str) -> LoadedModel:
        """Problem 404. ModelError: this release can't compile it any more."""
        found = await self._kept.find(tenant, name)
        if found is None:
            raise not_found("model")
        kept, stored = found
        rules = rules_of_stored(stored.definition)
        return LoadedModel(
            kept.ref, stored.definition, rules, kept.content_hash, _in(kept.ref), kept
        )


async def _linted(loaded: LoadedModel) -> list[Finding]:
    return await asyncio.to_thread(lint, loaded.definition, loaded.rules, loaded.locate)


def taken(detail: str) -> Problem:
    errors = [FieldError("/version", detail)]
    return Problem(409, "version-taken", detail, errors=errors)


def _in(name: str) -> Locate:
    """What is stored has no lines."""
    return lambda _: name
