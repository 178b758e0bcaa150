"""CPU per record of decoding: python -m tests.load.decode_micro [records]"""

import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from app.domain.interaction import Interaction
from app.domain.topics import CONTACT_LANE_INPUTS
from app.handling.origin import FORWARDED
from app.handling.records import Forwarded, SourceRecord
from app.inbound.decoding import make_decoder
from app.settings import Limits
from tests.unit.inbound.events import Type, Types

ATTRIBUTES = {
    "specversion": "1.0",
    "source": "https://shop.example/forms",
    "type": "demo.requested",
    "time": "2026-03-02T09:14:05Z",
}
DATA = {"product_id": "analytics"}
ARRIVED_MS = 1_772_500_000_000


def structured(n: int) -> SourceRecord:
    value = msgspec.json.encode({**ATTRIBUTES, **_identity(n), "data": DATA})
    headers = [("content-type", b"application/cloudevents+json")]
    return SourceRecord(0, 0, n, ARRIVED_MS, b"k", value, headers)


def bare(n: int) -> SourceRecord:
    return structured(n)._replace(headers=[])


def binary(n: int) -> SourceRecord:
    attributes = {**ATTRIBUTES, **_identity(n)}
    headers = [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
    return SourceRecord(0, 0, n, ARRIVED_MS, b"k", msgspec.json.encode(DATA), headers)


def forwarded(n: int) -> SourceRecord:
    origin = f"{CONTACT_LANE_INPUTS[0]}:3:{n}:{ARRIVED_MS}".encode()
    record = structured(n)
    return record._replace(topic=1, headers=[*record.headers, (FORWARDED, origin)])


def _identity(n: int) -> dict[str, str]:
    return {"id": f"5b1f0000-0000-0000-0000-{n:012}", "subject": f"crm-{n % 40_000}"}


def measure(make: Callable[[int], SourceRecord], n: int, partitions: int) -> tuple[float, Any]:
    decode = make_decoder(
        Types({"demo.requested": Type()}), Limits(), CONTACT_LANE_INPUTS, partitions
    )
    records = [make(i) for i in range(n)]
    for record in records:
        decode(record)
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for record in records:
            decode(record)
        best = min(best, time.process_time() - began)
    return best / n * 1e6, decode(records[0])


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    for name, make, partitions, outcome in (
        ("structured", structured, 1, Interaction),
        ("structured, no content-type", bare, 1, Interaction),
        ("binary", binary, 1, Interaction),
        ("forwarded to here", forwarded, 1, Interaction),
        ("off home", structured, 12_000, Forwarded),
    ):
        cpu_us, decoded = measure(make, n, partitions)
        assert isinstance(decoded, outcome), decoded
        print(f"{name:30} {cpu_us:6.2f} µs")  # noqa: T201 - a script for people


if __name__ == "__main__":
    main()
