"""The models that are files: those shipped, and a company's own in a directory."""

from pathlib import Path

import msgspec

from app.api.model_shapes import LoadedModel, ModelEntry
from app.errors import ModelError
from app.models import content_hash, load_definition, locating, names, rules_of


class ModelFiles:
    """The models shipped, and a company's own in a directory."""

    def __init__(self, in_force: str, directory: Path | None) -> None:
        self.in_force = in_force
        self.directory = directory
        self._shipped: dict[str, ModelEntry] = {}

    def entries(self) -> list[ModelEntry]:
        """Own ones are read each time: somebody may be writing them."""
        shipped = names()
        for name in shipped:
            if name not in self._shipped:
                self._shipped[name] = self._entry(name, is_own=False)
        own = [name for name in names(self.directory) if name not in self._shipped]
        found = [*self._shipped.values(), *(self._entry(name, is_own=True) for name in own)]
        return sorted(found, key=lambda entry: entry.model)

    def has(self, name: str) -> bool:
        return name in names(self.directory)

    def load(self, name: str) -> LoadedModel:
        """One of which it `has` the file. Raises ModelError."""
        try:
            definition, lines = load_definition(name, self.directory)
            rules = rules_of(definition, lines, f"{name}.yaml")
        except ModelError as refused:
            raise ModelError(self._shown(str(refused))) from None
        return LoadedModel(name, definition, rules, content_hash(definition), locating(lines))

    def _entry(self, name: str, *, is_own: bool) -> ModelEntry:
        entry = ModelEntry(name, is_own, name == self.in_force)
        try:
            loaded = self.load(name)
        except ModelError as refused:
            return msgspec.structs.replace(entry, error=str(refused))
        found = {"title": loaded.rules.title, "content_hash": loaded.content_hash}
        return msgspec.structs.replace(entry, **found)

    def _shown(self, text: str) -> str:
        """Without where on this machine the files stand."""
        return text if self.directory is None else text.replace(f"{self.directory}/", "")
