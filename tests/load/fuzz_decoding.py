"""Random and mutated records through decoding: python -m tests.load.fuzz_decoding [records] [seed]

Each must be accepted, forwarded or refused with a reason. Exits with 1 where one was not, where
the decoder failed, or where what it accepted can't be encoded again.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from copy import deepcopy

import msgspec

from app.domain.interaction import Interaction
from app.domain.reasons import Reason
from app.errors import Poison
from app.handling.origin import restore
from app.handling.records import Decoded, Decoder, Forwarded, SourceRecord
from app.inbound.event import ATTRIBUTES
from app.inbound.validation import INTERACTION_SCHEMAS
from tests.unit.inbound.events import ARRIVED_MS, COMMANDS, INTERACTIONS, Types, decoder
from tests.unit.outbound.decisions import encoder

EXAMPLES = [
    path.read_bytes() for path in sorted((INTERACTION_SCHEMAS.parent / "examples").glob("*/*.json"))
]
TOKENS = [
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\u0000", b"\\ud800", b"\\udc00", b"\0",
    b"\xff", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"null", b"true", b"1e999", b"-0", b"NaN",
    b"9" * 400, b"0." + b"1" * 400, b'""', b"{}", b"[]", b"a" * 300, b"x" * 9000, b"[" * 40,
    b'{"a":' * 20, b'"id":5,', b'"time":"2026-03-02T09:14:60Z",', b'"time":"9999-12-31T23:59:59Z",',
    b'"time":"0000-01-01T00:00:00Z",', b'"subject":null,', b'"tenantid":"a/b",', b"\xef\xbb\xbf",
    b'"type":"stage.override",', b'"specversion":"0.3",', b'"data":[],', b'"automated":"x",',
]  # fmt: skip
HEADERS = [
    "content-type", "Content-Type", "traceparent", "funnel-forwarded", "funnel-forwarded-key",
    "funnel-batch", "ce_", "ce_data", "ce_specversion", "ce_id", "ce_source", "ce_type",
    "ce_subject", "ce_time", "ce_tenantid", "ce_automated", "ce_ingestmode", "note",
]  # fmt: skip
HEADER_VALUES = [
    b"application/cloudevents+json", b"application/cloudevents-batch+json", b"application/json",
    b"1.0", b"demo.requested", b"stage.override", b"2026-03-02T09:14:05Z", b"", b"\xff", b"\0",
    b"true", b"backfill", b"x" * 300, b"x" * 9000, b"funnel.interactions.v1:1:2:3", b"a:b:c:d",
    b"funnel.commands.v1:1:2:1772442845412", b"9:" * 3000 + b"9", b"a:1:2:" + b"9" * 30,
]  # fmt: skip

VALUES = [
    None, True, False, 0, -1, 1 << 70, 0.5, "", "x", "\0", "é" * 200, "x" * 300, "x" * 9000, [], {},
    ["x"], {"a": {"b": [1]}}, "backfill", "live", "acme", "a/b", "met", "2026-05-01", "crm-2",
    "2026-03-02T09:00:00.123456789+01:00", "2016-12-31T23:59:60Z", "1999-12-31T23:59:59Z",
    "2026-03-02T09:18:00Z", "2026-03-02T09:20:00Z", "stage.override", "demo.requested", "no.type",
]  # fmt: skip

Make = Callable[[random.Random], bytes | None]


def noise(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(200))


def token_soup(chance: random.Random) -> bytes:
    return b"".join(chance.choices(TOKENS, k=chance.randrange(30)))


def mutated(chance: random.Random) -> bytes:
    value = bytearray(chance.choice(EXAMPLES))
    for _ in range(chance.choice((0, 1, 1, 1, 2, 5))):
        place = chance.randrange(len(value) + 1)
        match chance.randrange(4):
            case 0:
                value[place : place + chance.randrange(1, 30)] = b""
            case 1:
                value[place : place + 1] = chance.randbytes(1)
            case 2:
                value[place:place] = chance.choice(TOKENS)
            case _:
                start = chance.randrange(len(value) + 1)
                value[place:place] = value[start : start + 60]
    return bytes(value)


def reshaped(chance: random.Random) -> bytes:
    """Still JSON: some members of an example have other values, or are gone."""
    event = msgspec.json.decode(chance.choice(EXAMPLES))
    for _ in range(chance.choice((0, 1, 1, 2))):
        at = event["data"] if chance.random() < 0.4 and isinstance(event["data"], dict) else event
        name = chance.choice([*at, *ATTRIBUTES]) if at is event else chance.choice([*at, "more"])
        at[name] = deepcopy(chance.choice(VALUES))
        if chance.random() < 0.2:
            del at[name]
            event.setdefault("data", None)
    return msgspec.json.encode(event)


def huge(chance: random.Random) -> bytes:
    return chance.choice(TOKENS) * chance.randrange(1, 40_000)


def nothing(_: random.Random) -> None:
    return None


KINDS: list[tuple[Make, int]] = [
    (reshaped, 500), (mutated, 400), (token_soup, 50), (noise, 40), (huge, 5), (nothing, 5)
]  # fmt: skip


def record(chance: random.Random) -> SourceRecord:
    make = chance.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0]
    headers: list[tuple[str, bytes | None]] = []
    if chance.random() < 0.3:
        for _ in range(chance.randrange(1, 9)):
            value = None if chance.random() < 0.05 else chance.choice(HEADER_VALUES)
            headers.append((chance.choice(HEADERS), value))
    return SourceRecord(
        chance.choice((INTERACTIONS, INTERACTIONS, INTERACTIONS, COMMANDS)),
        chance.randrange(3),
        chance.randrange(1 << 40),
        chance.choice((ARRIVED_MS,) * 20 + (-1, 0, 1 << 60)),
        b"\xff" * 9000 if chance.random() < 0.01 else chance.choice((None, b"", b"crm-10231")),
        make(chance),
        headers,
    )


def flaw(record: SourceRecord, decoded: Decoded) -> str | None:
    """What is wrong with a decoder that answers so."""
    match decoded:
        case Interaction():
            for text in (decoded.tenant, decoded.contact_id, decoded.source, decoded.id):
                if not text or "\0" in text or len(text.encode()) > 4 * 256:
                    return "accepted what can't be stored"
            if decoded.time > decoded.arrived_at:
                return "accepted a time after its arrival"
        case Forwarded(output=output):
            copy = SourceRecord(COMMANDS, output.partition, 0, 0, output.key, output.value,
                                output.headers)  # fmt: skip
            original = restore(copy, "funnel.commands.v1")[1]
            if original[4:6] != record[4:6] or list(original[6]) != list(record[6]):
                return "a forwarded record can't be restored"
        case Poison():
            if decoded.__cause__ is not None:
                return f"failed: {decoded.__cause__!r}"
            if decoded.reason not in list(Reason):
                return f"unknown reason {decoded.reason}"
            encoder().dead_letter(record, decoded, ARRIVED_MS * 1000)
    return None


def outcome(decoded: Decoded) -> str:
    if isinstance(decoded, Poison):
        return decoded.reason
    return "accepted" if isinstance(decoded, Interaction) else "forwarded"


def run(decode: Decoder, chance: random.Random, n: int) -> tuple[Counter[str], list[str]]:
    counts: Counter[str] = Counter()
    flaws: list[str] = []
    for _ in range(n):
        one = record(chance)
        decoded = decode(one)
        counts[outcome(decoded)] += 1
        found = flaw(one, decoded)
        if found is not None and len(flaws) < 20:
            flaws.append(f"{found}: {one!r:.400}")
    return counts, flaws


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began = time.process_time()
    counts, flaws = run(decoder(3, Types()), random.Random(seed), n)
    print(f"{n} records, seed {seed}, {time.process_time() - began:.0f} s")  # noqa: T201
    for name, count in counts.most_common():
        print(f"  {name:20} {count:9}")  # noqa: T201
    for line in flaws:
        print(f"  WRONG {line}")  # noqa: T201
    sys.exit(1 if flaws else 0)


if __name__ == "__main__":
    main()
