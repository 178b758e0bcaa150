"""schemas/outputs/examples: a record of each type, as the encoders write it, and a broken one.

``python -m tests.contract.output_examples`` writes them again after a change of the encoders.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.handling.records import OutputRecord
from app.outbound.headers import EventType, Header
from tests.contract.test_account_schemas import changes, records
from tests.contract.test_erasure_schemas import erased
from tests.contract.test_output_schemas import CHANGES, OUTPUTS, SIGNALS, headers_of
from tests.unit.outbound.decisions import DECIDED_AT, VIEW, encoder

EXAMPLES = OUTPUTS / "examples"
CONTACT = "crm-10231"


def made() -> dict[str, OutputRecord]:
    """By event type."""
    return {type_: record for record in _made() if (type_ := headers_of(record).get(Header.TYPE))}


def _made() -> Iterator[OutputRecord]:
    to = encoder()
    for change in CHANGES.values():
        yield from to.change("default", CONTACT, 3, DECIDED_AT, change)
    for signal in SIGNALS.values():
        yield to.signal("default", CONTACT, 3, DECIDED_AT, signal)
    yield to.snapshot("default", CONTACT, 3, DECIDED_AT, 3, 7, VIEW, "b2b-default@1")
    yield from to.erased("default", CONTACT, 3, DECIDED_AT, erased("demo.requested").notice)
    for account in changes():
        yield from records(account).values()


def shown(record: OutputRecord) -> dict[str, Any]:
    """As a reader sees it."""
    return {
        "topic": record.topic,
        "key": (record.key or b"").decode(),
        "headers": headers_of(record),
        "value": json.loads(record.value or b"null"),
    }


def broken(example: dict[str, Any]) -> dict[str, Any]:
    """Without the last of the fields it must have."""
    schema = json.loads((OUTPUTS / f"{example['headers'][Header.TYPE]}.json").read_bytes())
    lacking = schema["required"][-1]
    value = {name: each for name, each in example["value"].items() if name != lacking}
    return {**example, "value": value}


def files() -> dict[Path, dict[str, Any]]:
    found: dict[Path, dict[str, Any]] = {}
    for type_, record in made().items():
        folder, example = EXAMPLES / EventType(type_), shown(record)
        found |= {folder / "valid-1.json": example, folder / "invalid-1.json": broken(example)}
    return found


if __name__ == "__main__":
    for path, example in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(example, indent=2, ensure_ascii=False) + "\n")
