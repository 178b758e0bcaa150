"""schemas/asyncapi.yaml: the topics with their messages, from schemas/ and the code."""

from typing import Any, Final

from app import __version__
from app.bootstrap import ACCOUNT_OUTPUTS, OUTPUTS
from app.contract.messages import BINDING, messages_of
from app.domain.topics import ACCOUNT_LANE_INPUTS, CONTACT_LANE_INPUTS
from app.outbound.topics import Definition, load_definitions

VERSION: Final = "3.1.0"
DESCRIPTION: Final = """\
Interactions in, stage changes out, exactly once.

Records are CloudEvents 1.0 (Kafka binding): both modes in, binary mode out. Keys say the contact;
place them as the Java client does (murmur2; librdkafka: `partitioner=murmur2_random`). Read with
`isolation.level=read_committed`. Ignore fields, headers and event types that you don't know: more
may be added. How to begin: guides/ beside this file.
"""
_INPUTS: Final = (*CONTACT_LANE_INPUTS, *ACCOUNT_LANE_INPUTS)
_OUTPUTS: Final = frozenset((*OUTPUTS, *ACCOUNT_OUTPUTS))


def asyncapi() -> dict[str, Any]:
    definitions = load_definitions()
    carried = {one.name: dict(messages_of(one)) for one in definitions}
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "Funnel",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "dev": {
                "host": "127.0.0.1:9092",
                "protocol": "kafka",
                "description": "What `funnel dev` and `funnel demo` start",
            }
        },
        "channels": {one.name: _channel(one, list(carried[one.name])) for one in definitions},
        "operations": {
            name: operation
            for one in definitions
            for name, operation in _operations(one, list(carried[one.name]))
        },
        "components": {
            "messages": {
                name: message for each in carried.values() for name, message in each.items()
            }
        },
    }


def _channel(one: Definition, messages: list[str]) -> dict[str, Any]:
    return {
        "address": one.name,
        "title": one.name,
        "description": one.description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "topic": one.name,
                "partitions": one.partitions,
                "topicConfiguration": _configuration(one),
                "bindingVersion": BINDING,
            }
        },
        "x-key": one.key,
        "x-producers": list(one.producers),
        "x-consumers": list(one.consumers),
    }


def _configuration(one: Definition) -> dict[str, Any]:
    return {
        name: str(value).split(",") if name == "cleanup.policy" else value
        for name, value in one.config.items()
    }


def _operations(one: Definition, messages: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """As the service does them: what it receives others send."""
    actions = []
    if one.name in _INPUTS:
        actions.append("receive")
    if one.name in _OUTPUTS:
        actions.append("send")
    place = f"#/channels/{one.name}"
    return [
        (
            f"{action}.{one.name}",
            {
                "action": action,
                "channel": {"$ref": place},
                "summary": f"The service {'reads' if action == 'receive' else 'writes'} {one.name}",
                "messages": [{"$ref": f"{place}/messages/{name}"} for name in messages],
            },
        )
        for action in actions
    ]
