"""The messages of each topic, as AsyncAPI has them: headers, payload, key, an example."""

from collections.abc import Iterator
from typing import Any, Final

from app.contract.files import SCHEMAS, read
from app.domain.topics import Topic
from app.inbound.event import STRUCTURED
from app.models import load_rules
from app.outbound.headers import EventType
from app.outbound.topics import Definition

Message = dict[str, Any]
MODEL: Final = "b2b-default@1"
"""Of its catalogue are the interaction types that are shown; a model may have others."""
BINDING: Final = "0.5.0"
TOMBSTONE: Final = "funnel.contact.tombstone"
DEAD_LETTER: Final = "dead-letter"
ACCOUNT_INPUT: Final = "account-input"


def messages_of(definition: Definition) -> Iterator[tuple[str, Message]]:
    """By name, in the order of the topic's events."""
    key = definition.key
    for carried in definition.events:
        match carried:
            case "interactions/*":
                yield from _interactions(key, with_commands=definition.name == Topic.COMMANDS)
            case "commands/*":
                yield from _commands(key)
            case "dead letters":
                yield DEAD_LETTER, _dead_letter(key)
            case "internal":
                yield ACCOUNT_INPUT, _account_input(key)
            case _:
                yield carried, _output(EventType(carried), key)
    if definition.name == Topic.CONTACTS:
        yield TOMBSTONE, _tombstone(key)


def _interactions(key: str, *, with_commands: bool) -> Iterator[tuple[str, Message]]:
    """`with_commands`: also the types by which people decide, which only one topic may carry."""
    for name, kind in sorted(load_rules(MODEL).types.items()):
        if with_commands or not kind.is_command:
            yield from _input(name, "interactions", SCHEMAS / "examples" / name, key)


def _commands(key: str) -> Iterator[tuple[str, Message]]:
    for path in sorted((SCHEMAS / "commands").glob("*.json")):
        examples = SCHEMAS / "commands" / "examples" / path.stem
        yield from _input(path.stem, "commands", examples, key)


def _input(type_: str, folder: str, examples: Any, key: str) -> Iterator[tuple[str, Message]]:
    """Both modes of the CloudEvents binding for Kafka."""
    place = f"./{folder}/{type_}.json"
    example = read(examples / "valid-1.json")
    summary = read(SCHEMAS / folder / f"{type_}.json")["description"]
    yield (
        type_,
        {
            "name": type_,
            "title": f"{type_}, structured mode",
            "summary": summary,
            "contentType": STRUCTURED,
            "payload": {
                "allOf": [
                    {"$ref": "./inputs/cloudevent.json"},
                    {
                        "type": "object",
                        "properties": {"type": {"const": type_}, "data": {"$ref": place}},
                    },
                ]
            },
            "bindings": _key(key),
            "examples": [{"name": "structured", "payload": example}],
        },
    )
    attributes = {
        f"ce_{name}": str(value).lower() if isinstance(value, bool) else value
        for name, value in example.items()
        if name != "data"
    }
    yield (
        f"{type_}.binary",
        {
            "name": type_,
            "title": f"{type_}, binary mode",
            "summary": summary,
            "contentType": "application/json",
            "headers": _with_type("./inputs/headers.json", type_),
            "payload": {"$ref": place},
            "bindings": _key(key),
            "examples": [{"name": "binary", "headers": attributes, "payload": example["data"]}],
        },
    )


def _output(type_: EventType, key: str) -> Message:
    example = read(SCHEMAS / "outputs" / "examples" / type_ / "valid-1.json")
    return {
        "name": type_.value,
        "title": type_.value,
        "summary": read(SCHEMAS / "outputs" / f"{type_}.json")["description"],
        "contentType": "application/json",
        "headers": _with_type("./outputs/headers.json", type_),
        "payload": {"$ref": f"./outputs/{type_}.json"},
        "bindings": _key(key),
        "examples": [{"name": "valid", "headers": example["headers"], "payload": example["value"]}],
    }


def _tombstone(key: str) -> Message:
    return {
        "name": TOMBSTONE,
        "title": "Tombstone",
        "summary": "The contact was erased: forget what was known under this key.",
        "payload": {"type": "null"},
        "bindings": _key(key),
    }


def _dead_letter(key: str) -> Message:
    return {
        "name": DEAD_LETTER,
        "title": "A record that could not be processed",
        "summary": "Key, value, headers and timestamp as the producer sent them, and why.",
        "headers": {"$ref": "./outputs/dead-letter-headers.json"},
        "payload": {"description": "Whatever bytes the original has"},
        "bindings": _key(key),
    }


def _account_input(key: str) -> Message:
    return {
        "name": ACCOUNT_INPUT,
        "title": "What a contact tells its account",
        "summary": "Internal: only lanes write and read it.",
        "contentType": "application/json",
        "payload": {"$ref": "./internal/account-input.json"},
        "bindings": _key(key),
    }


def _with_type(headers: str, type_: str) -> dict[str, Any]:
    named = {"type": "object", "properties": {"ce_type": {"const": str(type_)}}}
    return {"type": "object", "allOf": [{"$ref": headers}, named]}


def _key(description: str) -> dict[str, Any]:
    key = {"type": "string", "description": description}
    return {"kafka": {"key": key, "bindingVersion": BINDING}}
