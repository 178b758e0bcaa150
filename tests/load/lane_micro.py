"""CPU of a worker's own work, stage by stage, without Kafka and PostgreSQL.

    python -m tests.load.lane_micro [--profile]

The bench's workload in batches of 4,000, every contact in the cache or new. The best third of the
batches, so that what else the machine does shows little.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import mean
from typing import Any, Final

import uvloop
from aiokafka import AIOKafkaProducer

from app.bootstrap import now
from app.domain.topics import CONTACT_LANE_INPUTS
from app.handling import collecting
from app.handling.batch import DecidedBatch
from app.handling.cache import ContactCache
from app.handling.decider import Decider
from app.handling.partition import OwnedPartition
from app.handling.parts import Parts
from app.handling.records import SourceRecord
from app.inbound.decoding import make_decoder
from app.models import load_rules
from app.outbound import publisher
from app.outbound.encoding import make_encoder
from app.runtime.garbage import settle
from app.settings import Settings
from app.storage.copy_binary import contact_rows, history_rows
from app.storage.rows import PartitionRow, StoredContact
from app.telemetry.metrics import Metrics
from tests.load.profile import Sampler
from tests.load.workload import Workload
from tests.unit.handling.register import Nobody

BATCH: Final = 4000
INTERACTIONS: Final = 120_000
CONTACTS: Final = 12_000


class Clocked:
    """Passes calls on and adds up their CPU."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)

    def wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def clocked(*args: Any, **named: Any) -> Any:
            started = time.process_time()
            try:
                return call(*args, **named)
            finally:
                self.spent[name] += time.process_time() - started

        return clocked

    def within(self, deciding: Decider) -> None:
        """What deciding consists of, where it is called once a batch or turn."""
        into: Any = deciding
        into._decode_all = self.wrap_async("decode", deciding._decode_all)
        collector: Any = deciding._collector
        collector.collect = self.wrap_async("collect and encode", deciding._collector.collect)
        module: Any = collecting
        module.pack = self.wrap("pack segments", module.pack)

    def wrap_async(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Of a coroutine that yields but does not wait."""

        async def clocked(*args: Any) -> Any:
            started = time.process_time()
            try:
                return await call(*args)
            finally:
                self.spent[name] += time.process_time() - started

        return clocked


def records() -> list[SourceRecord]:
    workload = Workload(
        interactions=INTERACTIONS,
        contacts=CONTACTS,
        seed=1,
        partitions=1,
        until=time.time(),
        span_seconds=6 * 86_400.0,
    )
    at = round(time.time() * 1000)
    return [
        SourceRecord(0, 0, offset, at, sending.key, sending.value, ())
        for offset, sending in enumerate(workload.sendings())
    ]


def decider() -> Decider:
    settings, rules = Settings(), load_rules("b2b-default@1")
    unused: Any = None
    parts = Parts(
        settings=settings,
        lane="contacts",
        source=_Topics(),  # type: ignore[arg-type] # only its names are asked for
        coordinator=unused,
        outlet=unused,
        decider=unused,
        metrics=Metrics(),
        clock=now,
        keep_house=unused,
    )

    async def load(keys: Sequence[tuple[int, str, str]]) -> list[StoredContact]:
        return []

    async def load_sealed(partition: int, tenant: str, contact_id: str) -> list[bytes]:
        return []

    decode = make_decoder(rules, settings.limits, CONTACT_LANE_INPUTS, 1)
    encoder = make_encoder("funnel", CONTACT_LANE_INPUTS, 1)
    return Decider(
        parts, decode, encoder, rules, ContactCache(2**40), load, load_sealed, Nobody(), {}
    )


class _Topics:
    topics = CONTACT_LANE_INPUTS


async def run() -> dict[str, list[float]]:
    """CPU µs per interaction of each batch, by stage."""
    everything = records()
    owned = OwnedPartition(PartitionRow("contacts", 0, 1, "me", 0, (0, 0), 0, 0, (0, 0)))
    deciding, clocked = decider(), Clocked()
    producer = AIOKafkaProducer(max_batch_size=publisher.BATCH_MAX_BYTES)
    clocked.within(deciding)
    found: dict[str, list[float]] = defaultdict(list)
    for number in range(1, len(everything) // BATCH):
        fetched = [(owned, everything[(number - 1) * BATCH : number * BATCH])]
        clocked.spent.clear()
        started = time.process_time()
        batch = await deciding.decide(number, fetched, now())
        clocked.spent["all of deciding"] = time.process_time() - started
        clocked.wrap("pack contact rows", contact_rows)(batch.contacts)
        clocked.wrap("pack history rows", history_rows)(batch.history)
        clocked.wrap("Kafka batches", _kafka_batches)(producer, batch)
        for name, seconds in clocked.spent.items():
            found[name].append(seconds / BATCH * 1e6)
    return found


def _kafka_batches(producer: AIOKafkaProducer, batch: DecidedBatch) -> list[Any]:
    built = publisher._build(producer, [r for part in batch.parts for r in part.records])
    return [each.builder._build() for each in built]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.load.lane_micro")
    parser.add_argument("--profile", action="store_true", help="sample where the time goes")
    options = parser.parse_args()
    sampler = Sampler()
    settle()
    if options.profile:
        sampler.start()
    found = uvloop.run(run())
    if options.profile:
        sys.stdout.write(sampler.stop())
    for name, us in sorted(found.items(), key=lambda each: mean(each[1])):
        us.sort()
        sys.stdout.write(f"{mean(us[: max(1, len(us) // 3)]):6.2f} µs  {name}\n")


if __name__ == "__main__":
    main()
