"""CPU of a late interaction: ``python -m tests.load.late_micro``.

A contact with 500 interactions over a year, as its row and its sealed chunks have it; each sample
loads it, decides one interaction that arrives late, and packs what is to be stored.
"""

import random
import sys
import time
from statistics import quantiles

from app.domain.contact import Contact
from app.domain.decide import decide
from app.domain.interaction import Address, Interaction
from app.models import load_rules
from tests.load.fold_micro import JOURNEY, QUIET

RULES = load_rules("b2b-default@1")
DAY = 86_400_000_000
START = 1_772_442_000_000_000
LENGTH = 500
SAMPLES = 400
SPAN = 365 * DAY
LATENESS: list[tuple[str, float]] = [
    ("up to 1 hour late", DAY / 24),
    ("up to 2 days late", 2.0 * DAY),
    ("up to 30 days late", 30.0 * DAY),
    ("anywhere in the year", float(SPAN)),
]


def main() -> None:
    row, log, chunks = _stored()
    rng = random.Random(7)
    sys.stdout.write(f"{LENGTH} interactions, {len(chunks)} sealed chunks; CPU in ms\n")
    for name, lateness in LATENESS:
        spent = [_sample(rng, lateness, row, log, chunks) for _ in range(SAMPLES)]
        cuts = quantiles(spent, n=100)
        sys.stdout.write(f"{name:22} p50 {cuts[49]:6.2f}  p99 {cuts[98]:6.2f}\n")


def _stored() -> tuple[Contact, bytes, list[bytes]]:
    """The row as its last apply left it, its log, and its chunks."""
    rng = random.Random(1)
    contact = Contact.new("default", "crm-1")
    log, chunks = b"", dict[int, bytes]()
    for n in range(LENGTH):
        kind, data = (JOURNEY if n % 50 == 25 else QUIET)[rng.randrange(8)]
        if kind == "deal.won":
            kind, data = QUIET[0]
        each = _interaction(f"e{n}", kind, START + n * SPAN // LENGTH, data)
        if contact.needs_sealed(each):
            contact.load_sealed([chunks[number] for number in sorted(chunks)])
        decide(contact, each, Address(n, 0), RULES, each.time)
        taken = contact.take_change()
        assert taken is not None
        change, sealed = taken
        log = change.log_head + log[: change.log_keep]
        chunks |= {chunk.chunk: chunk.body for chunk in sealed}
    return contact, log, [chunks[number] for number in sorted(chunks)]


def _sample(
    rng: random.Random, lateness: float, row: Contact, log: bytes, chunks: list[bytes]
) -> float:
    contact = Contact.stored("default", "crm-1", row.version, row.stage, row.seq, row._state, log)
    kind, data = QUIET[rng.randrange(8)]
    time_ = START + SPAN - int(rng.uniform(0, lateness))
    late = _interaction(f"late{rng.random()}", kind, time_, data)
    started = time.process_time()
    if contact.needs_sealed(late):
        contact.load_sealed(chunks)
    decide(contact, late, Address(1, 1), RULES, late.time)
    contact.take_change()
    return (time.process_time() - started) * 1e3


def _interaction(event_id: str, kind: str, at: int, data: dict[str, object]) -> Interaction:
    source = "https://shop.example/events"
    return Interaction("default", "crm-1", source, event_id, kind, at, at + 1_000, data)


if __name__ == "__main__":
    main()
