"""Models as they are listed and shown, and how the description shows what is sent of them."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec
from litestar.openapi.spec import RequestBody

from app.api.describing import Described, describe_header, media
from app.domain.reading import Locate
from app.domain.rules import Rules
from app.domain.timestamps import format_rfc3339
from app.models.stored import plain
from app.storage.model_versions import KeptModel

YAML, JSON = "application/yaml", "application/json"
MODEL_MAX_BYTES: Final = 64 * 1024
MODEL_EXAMPLE: Final = {
    "name": "ours",
    "version": 1,
    "extends": "b2b-default@1",
    "title": "A prospect's sector is known, a demo counts for half a year",
    "knobs": {"icp_unknown": "hold"},
    "terms": {"intent_active": "180 d"},
}
_YAML_EXAMPLE: Final = """\
name: ours
version: 1
extends: b2b-default@1
title: A prospect's sector is known, a demo counts for half a year
knobs:
  icp_unknown: hold
terms:
  intent_active: 180 d
"""
_SCHEMA: Final = {
    "type": "object",
    "description": "Only what differs from the model that it extends; `null` removes. The shipped"
    " models (app/models) show all there is; what is wrong is told with its line and field.",
    "required": ["name", "version"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 64},
        "version": {"type": "integer", "minimum": 1, "maximum": 999_999},
        "extends": {"type": "string", "description": "name@version"},
        "title": {"type": "string"},
    },
}


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
    kept_by: str | None = None
    """Who uploaded it; null: it is a file of the service."""
    kept_at: str | None = None


class ModelList(msgspec.Struct, frozen=True):
    items: list[ModelEntry]


class ModelAnswer(msgspec.Struct, frozen=True):
    model: str
    title: str
    content_hash: str
    definition: dict[str, Any]
    """Complete: what it extends is merged in, its lists are frozen."""
    kept_by: str | None
    """Who uploaded it; null: it is a file of the service."""
    kept_at: str | None


class Finding(msgspec.Struct, frozen=True):
    rule: str
    text: str
    """Where, what, and how to mend it."""


class LintAnswer(msgspec.Struct, frozen=True):
    model: str
    findings: list[Finding]


class LoadedModel(NamedTuple):
    name: str
    """name@version"""
    definition: dict[str, Any]
    """Complete."""
    rules: Rules
    content_hash: str
    locate: Locate
    """Where what it says stands."""
    kept: KeptModel | None = None
    """None: it is a file of the service."""


def model_answer(loaded: LoadedModel) -> ModelAnswer:
    kept = loaded.kept
    return ModelAnswer(
        loaded.name,
        loaded.rules.title,
        loaded.content_hash,
        plain(loaded.definition),
        None if kept is None else kept.kept_by,
        None if kept is None else format_rfc3339(kept.kept_at),
    )


def entry_of(kept: KeptModel) -> ModelEntry:
    return ModelEntry(
        kept.ref,
        True,
        False,
        kept.title,
        kept.content_hash,
        kept_by=kept.kept_by,
        kept_at=format_rfc3339(kept.kept_at),
    )


@dataclass
class ModelOperation(Described):
    def __post_init__(self) -> None:
        super().__post_init__()
        text = {"type": "string", "description": "The same as a file: YAML 1.2."}
        self.request_body = RequestBody(
            required=True,
            content={YAML: media(text, _YAML_EXAMPLE), JSON: media(_SCHEMA, MODEL_EXAMPLE)},
        )
        for status in (200, 201):
            describe_header(self.responses or {}, status, "Location", "Where it can be read.")
