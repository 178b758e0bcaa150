"""Models and activations with PostgreSQL as dicts."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.api.activating import Activating, Standing
from app.api.activation_reading import ActivationReading, Timelines
from app.api.activations import Activations
from app.api.commands import Commands
from app.api.model_files import ModelFiles
from app.api.model_library import KeptModels, ModelLibrary
from app.domain.rules import Rules
from app.models import content_hash
from app.models.stored import plain
from app.storage.model_queries import TimelineRow
from app.storage.model_versions import Kept as KeptVersion
from app.storage.model_versions import KeptModel
from app.storage.models import ActivationRow, StoredModel
from tests.unit.api.asking import Kept, Noted

PARTITIONS = 3
AT = 1_790_000_000_000_000
SECOND = 1_000_000


class Shelf(KeptModels):
    """What tenants have uploaded."""

    def __init__(self, models_max: int = 3) -> None:
        self.models_max = models_max
        self.rows: dict[tuple[str, str], tuple[KeptModel, StoredModel]] = {}

    async def find(self, tenant: str, ref: str) -> tuple[KeptModel, StoredModel] | None:
        return self.rows.get((tenant, ref))

    async def of(self, tenant: str) -> list[KeptModel]:
        return [kept for (of, _), (kept, _) in self.rows.items() if of == tenant]

    async def keep(self, tenant: str, given: StoredModel, by: str) -> KeptVersion | None:
        known = self.rows.get((tenant, given.ref))
        if known is not None:
            return KeptVersion(known[0].content_hash, is_new=False)
        if len(await self.of(tenant)) >= self.models_max:
            return None
        title = given.definition.get("title", "")
        kept = KeptModel(given.name, given.version, given.content_hash, title, by, AT)
        self.rows[tenant, given.ref] = kept, given
        return KeptVersion(given.content_hash, is_new=True)


class Prepared(Activating):
    """PostgreSQL says what a test says; Kafka is a list."""

    rows: list[ActivationRow]
    has_contacts = True
    busy = False

    def __init__(self, to: "Everywhere") -> None:
        super().__init__(None, _nothing, to, lambda: self.now, notice_seconds=60)  # type: ignore[arg-type]
        self.now = AT
        self.rows = []

    @asynccontextmanager
    async def alone(self, tenant: str) -> AsyncIterator[None]:
        from app.errors import ModelError

        if self.busy:
            raise ModelError(f"a model is just being activated for {tenant}: try again")
        yield

    async def prepare(self, tenant: str, definition: dict[str, Any], by: str) -> Standing:
        name, version = definition["name"], definition["version"]
        stored = StoredModel(content_hash(definition), name, version, plain(definition))
        return Standing(stored, self.rows, self.has_contacts, 7, PARTITIONS)


async def _nothing(tenant: str) -> list[Rules]:
    return []


class Everywhere:
    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bytes]] = []

    async def partitions(self, topic: str) -> int:
        return PARTITIONS

    async def send_to_all(self, topic: str, key: bytes, value: bytes) -> None:
        self.sent.append((topic, key, value))


class Times(Timelines):
    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared

    async def rows(self, tenant: str) -> list[TimelineRow]:
        return [TimelineRow("m@1", row) for row in self._prepared.rows if row.tenant == tenant]

    async def counts(self, tenant: str) -> tuple[int, int]:
        return PARTITIONS, 7


class Models:
    """What routes about models ask for."""

    def __init__(
        self, commands: Commands, log: Noted, directory: Path | None = None, models_max: int = 3
    ) -> None:
        self.shelf, self.everywhere = Shelf(models_max), Everywhere()
        self.prepared = Prepared(self.everywhere)
        library = ModelLibrary(ModelFiles("b2b-default@1", directory), self.shelf)
        self.parts: Mapping[str, Any] = {
            "models": library,
            "activations": Activations(library, self.prepared, commands),
            "activation_reading": ActivationReading(
                Times(self.prepared), log, lambda: self.prepared.now
            ),
        }


__all__ = ["AT", "PARTITIONS", "SECOND", "Kept", "Models", "Noted"]
