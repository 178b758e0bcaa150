"""How one operation's answer leads to the next operation: the links of the published description.

What an answer gives is said here once, for each operation that gives something. Where it goes is
derived: to every operation whose path can be filled with it, so that a new one is linked by itself.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import OpenAPI

Document = dict[str, Any]
METHODS: Final = ("get", "post", "put", "patch", "delete")
CURSOR: Final = "$response.body#/next"


class Gives(NamedTuple):
    """Parameters of others, each with where it stands: a runtime expression of OpenAPI."""

    operation_id: str
    parameters: Mapping[str, str]


GIVEN: Final = (
    Gives("publish", {"contact_id": "$request.body#/subject"}),
    Gives("contacts", {"contact_id": "$response.body#/items/0/contact_id"}),
    Gives("contact", {"account_id": "$response.body#/account_id"}),
    Gives(
        "command",
        {
            "contact_id": "$request.path.contact_id",
            "command_id": "$response.body#/command_id",
        },
    ),
    Gives("list_commands", {"command_id": "$response.body#/items/0/command_id"}),
    Gives("accounts", {"account_id": "$response.body#/items/0/account_id"}),
    Gives("account", {"contact_id": "$response.body#/members/0/contact_id"}),
    Gives("list_models", {"model": "$response.body#/items/0/model"}),
    Gives("upload_model", {"model": "$response.body#/model"}),
    Gives("activate", {"activation_id": "$response.body#/activation_id"}),
    Gives("list_activations", {"activation_id": "$response.body#/items/0/activation_id"}),
    Gives("simulate", {"simulation_id": "$response.body#/simulation_id"}),
    Gives("create_webhook", {"webhook_id": "$response.body#/webhook/id"}),
    Gives("list_webhooks", {"webhook_id": "$response.body#/items/0/id"}),
    Gives("deliveries", {"delivery_id": "$response.body#/items/0/id"}),
    Gives("test_webhook", {"delivery_id": "$response.body#/id"}),
    Gives("dead_letters", {"letter_id": "$response.body#/items/0/id"}),
    Gives(
        "partitions",
        {
            "lane": "$response.body#/partitions/0/lane",
            "partition": "$response.body#/partitions/0/partition",
        },
    ),
)


class LinkedConfig(OpenAPIConfig):
    def to_openapi_schema(self) -> OpenAPI:
        """The framework fills it with the paths: they are linked when it is written out."""
        plain = super().to_openapi_schema()
        return _Linked(**{name: getattr(plain, name) for name in plain.__dataclass_fields__})


class _Linked(OpenAPI):
    def to_schema(self) -> Document:
        document = super().to_schema()
        link(document)
        return document


def link(document: Document) -> None:
    """Adds `links` to the answers of those that give something, and to those of paged lists."""
    operations = {each["operationId"]: each for each in _operations(document)}
    for given in GIVEN:
        source = operations.get(given.operation_id)
        if source is not None:
            for target in operations.values():
                _lead(source, target, given.parameters)
    for source in operations.values():
        if "after" in _names(source, "query"):
            carried = _carried(_names(source, "path"))
            _add(source, "next_page", source, {**carried, "after": CURSOR})


def _lead(source: Document, target: Document, given: Mapping[str, str]) -> None:
    """Where the source gives what only it can, and the rest of the path stands in its own."""
    needed = _names(target, "path")
    known = {**_carried(_names(source, "path")), **given}
    if target is not source and needed & given.keys() and needed <= known.keys():
        name = target["operationId"]
        _add(source, name, target, {each: known[each] for each in sorted(needed)})


def _add(source: Document, name: str, target: Document, parameters: Mapping[str, str]) -> None:
    link = {"operationId": target["operationId"], "parameters": dict(parameters)}
    for status, answer in source["responses"].items():
        if status.startswith("2"):
            answer.setdefault("links", {})[name] = link


def _carried(names: set[str]) -> dict[str, str]:
    return {name: f"$request.path.{name}" for name in sorted(names)}


def _operations(document: Document) -> Iterator[Document]:
    for methods in document["paths"].values():
        yield from (methods[method] for method in METHODS if method in methods)


def _names(operation: Document, place: str) -> set[str]:
    given = operation.get("parameters", ())
    return {each["name"] for each in given if each["in"] == place}
