"""From a parsed model file to `Rules`. Reading files is not done here: app.models does."""

from collections.abc import Callable, Mapping
from typing import Any

from app.domain.compiling import compile_rules
from app.domain.rules import InteractionType, Rules

__all__ = ["InteractionType", "Rules", "compile_model", "extended"]

Path = tuple[str | int, ...]


def compile_model(
    definition: Mapping[str, Any],
    locate: Callable[[Path], str] | None = None,
    account_of: Callable[[str], str | None] = lambda address: None,  # noqa: ARG005
) -> Rules:
    """The rules of a parsed model whose `extends` is resolved (see `extended`).

    `locate` says where a path of the definition stands (``file:line``), for the errors;
    `account_of` which organisation an e-mail address speaks of (see account_key). Raises
    ModelError.
    """
    return compile_rules(definition, locate, account_of)


def extended(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it: mappings merge, all else is replaced, null removes."""
    merged = dict(base)
    for name, value in changes.items():
        below = merged.get(name)
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[name] = extended(below, value)
        else:
            merged[name] = value
    return merged
