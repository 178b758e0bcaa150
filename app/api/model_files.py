"""The models that are files: those shipped, and a company's own in a directory."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from app.api.model_shapes import LoadedModel, ModelEntry
from app.api.problems import not_found, wrong_field
from app.domain.finding import Finding
from app.domain.lint import lint as lint_model
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

    def findings(self, name: str) -> list[Finding]:
        """Problem 404."""
        if not self.has(name):
            raise not_found("model")
        try:
            definition, lines = load_definition(name, self.directory)
            rules = rules_of(definition, lines, f"{name}.yaml")
            return lint_model(definition, rules, locating(lines))
        except ModelError as refused:
            return [Finding("refused", self._shown(str(refused)))]

    def loaded(self, name: str) -> LoadedModel:
        """Problem 404, or 422 where it is wrong."""
        if not self.has(name):
            raise not_found("model")
        try:
            definition, lines = load_definition(name, self.directory)
            rules = rules_of(definition, lines, f"{name}.yaml")
            return LoadedModel(name, definition, rules, content_hash(definition))
        except ModelError as refused:
            raise wrong_field("model", self._shown(str(refused))) from None

    def _entry(self, name: str, *, is_own: bool) -> ModelEntry:
        entry = ModelEntry(name, is_own, name == self.in_force)
        try:
            definition, lines = load_definition(name, self.directory)
            rules = rules_of(definition, lines, f"{name}.yaml")
        except ModelError as refused:
            return msgspec.structs.replace(entry, error=self._shown(str(refused)))
        found: Mapping[str, str] = {"title": rules.title, "content_hash": content_hash(definition)}
        return msgspec.structs.replace(entry, **found)

    def _shown(self, text: str) -> str:
        """Without where on this machine the files stand."""
        return text if self.directory is None else text.replace(f"{self.directory}/", "")
