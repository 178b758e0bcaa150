"""The funnel's rules: which there are, and what the linter finds in one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from litestar import get, post
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from app.api.contacts import decoded_key
from app.api.describing import needs
from app.api.principal import Scope
from app.api.problems import not_found, wrong_field
from app.domain.finding import Finding as FoundFinding
from app.domain.lint import lint as lint_model
from app.domain.rules import Rules
from app.errors import ModelError
from app.models import content_hash, load_definition, locating, names, rules_of

READS: dict[str, Any] = needs(Scope.CONTACTS_READ, "Models")


class ModelEntry(msgspec.Struct, frozen=True):
    """One that is wrong has an error, and neither title nor hash."""

    model: str
    is_own: bool
    """Not shipped with the service."""
    is_in_force: bool
    """The one that the service was started with; a tenant may have had another activated."""
    title: str | None = None
    content_hash: str | None = None
    error: str | None = None


class ModelList(msgspec.Struct, frozen=True):
    items: list[ModelEntry]


class Finding(msgspec.Struct, frozen=True):
    rule: str
    text: str
    """Where, what, and how to mend it."""


class LintAnswer(msgspec.Struct, frozen=True):
    model: str
    findings: list[Finding]


class LoadedModel(NamedTuple):
    name: str
    definition: dict[str, Any]
    """Complete."""
    rules: Rules


class ModelFiles:
    """The models shipped, and a company's own in a directory."""

    def __init__(self, in_force: str, directory: Path | None) -> None:
        self._in_force = in_force
        self._directory = directory
        self._shipped: dict[str, ModelEntry] = {}

    def entries(self) -> list[ModelEntry]:
        """Own ones are read each time: somebody may be writing them."""
        shipped = names()
        for name in shipped:
            if name not in self._shipped:
                self._shipped[name] = self._entry(name, is_own=False)
        own = [name for name in names(self._directory) if name not in self._shipped]
        found = [*self._shipped.values(), *(self._entry(name, is_own=True) for name in own)]
        return sorted(found, key=lambda entry: entry.model)

    def findings(self, name: str) -> list[FoundFinding]:
        """Problem 404."""
        if name not in names(self._directory):
            raise not_found("model")
        try:
            definition, lines = load_definition(name, self._directory)
            rules = rules_of(definition, lines, f"{name}.yaml")
            return lint_model(definition, rules, locating(lines))
        except ModelError as refused:
            return [FoundFinding("refused", self._shown(str(refused)))]

    def loaded(self, name: str) -> LoadedModel:
        """Problem 404, or 422 where it is wrong."""
        if name not in names(self._directory):
            raise not_found("model")
        try:
            definition, lines = load_definition(name, self._directory)
            return LoadedModel(name, definition, rules_of(definition, lines, f"{name}.yaml"))
        except ModelError as refused:
            raise wrong_field("model", self._shown(str(refused))) from None

    def _entry(self, name: str, *, is_own: bool) -> ModelEntry:
        entry = ModelEntry(name, is_own, name == self._in_force)
        try:
            definition, lines = load_definition(name, self._directory)
            rules = rules_of(definition, lines, f"{name}.yaml")
        except ModelError as refused:
            return msgspec.structs.replace(entry, error=self._shown(str(refused)))
        found: Mapping[str, str] = {"title": rules.title, "content_hash": content_hash(definition)}
        return msgspec.structs.replace(entry, **found)

    def _shown(self, text: str) -> str:
        """Without where on this machine the files stand."""
        return text if self._directory is None else text.replace(f"{self._directory}/", "")


@get("/models", summary="Every model there is", sync_to_thread=True, **READS)
def list_models(models: Given[ModelFiles]) -> ModelList:
    return ModelList(models.entries())


@post(
    "/models/{model:str}/lint",
    summary="Look for mistakes in a model",
    sync_to_thread=True,
    status_code=200,
    **needs(Scope.MODELS_WRITE, "Models"),
)
def lint(model: FromPath[str], models: Given[ModelFiles]) -> LintAnswer:
    name = decoded_key(model, "model")
    found = models.findings(name)
    return LintAnswer(name, [Finding(each.rule, each.text) for each in found])


MODEL_ROUTES: list[HTTPRouteHandler] = [list_models, lint]
