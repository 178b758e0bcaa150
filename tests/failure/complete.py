"""Every record that came in left its mark once: forwarded, dead-lettered, applied, published."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.failure.judged import Run, Violation


def acknowledged_inputs_are_stored(run: Run) -> Iterator[Violation]:
    present = {record.at for record in run.observed.inputs}
    for missing in sorted(run.observed.acknowledged - present):
        yield Violation("lost", f"acknowledged input {missing} is not on its topic")
    for text in run.inputs.ambiguous:
        yield Violation("state_differences", f"can't judge: {text}")


def off_home_records_are_forwarded_once(run: Run) -> Iterator[Violation]:
    times = Counter(run.inputs.forwarded)
    for origin in sorted(run.inputs.off_home):
        if times[origin] == 0:
            yield Violation("lost", f"off-home record {origin} was never forwarded")
    for origin, count in times.items():
        if count > 1:
            yield Violation("repeated", f"record {origin} was forwarded {count} times")


def poison_is_dead_lettered_once(run: Run) -> Iterator[Violation]:
    on_topic = [
        (
            (
                record.header("__dlq.errors.topic") or "",
                int(record.header("__dlq.errors.partition") or -1),
                int(record.header("__dlq.errors.offset") or -1),
            ),
            record.header("__dlq.errors.reason") or "",
        )
        for record in run.observed.dead_letters
    ]
    for place, found in (("topic", on_topic), ("table", run.observed.dead_letter_rows)):
        times = Counter(at for at, _ in found)
        for at in sorted(run.inputs.poison.keys() - times.keys()):
            yield Violation("lost", f"dead letter {place}: nothing for {at}")
        for at, reason in dict(found).items():
            if times[at] > 1:
                yield Violation("repeated", f"dead letter {place}: {times[at]} times {at}")
            wanted = run.inputs.poison.get(at)
            if wanted != reason:
                text = f"dead letter {place}: {at} is {reason}, expected {wanted}"
                yield Violation("state_differences", text)


def all_is_applied_and_published(run: Run) -> Iterator[Violation]:
    """At rest K = D, both past the last input record."""
    observed = run.observed
    last: dict[tuple[str, int], int] = {}
    for record in observed.inputs:
        tp = record.topic, record.partition
        last[tp] = max(last.get(tp, -1), record.offset)
    for partition, lane in observed.lanes.items():
        for topic, next_offset in lane.next_offsets.items():
            offset, metadata = observed.committed.get((topic, partition), (-1, ""))
            where = f"{topic}/{partition}"
            if next_offset <= last.get((topic, partition), -1):
                yield Violation("lost", f"{where}: applied only up to {next_offset}")
            if (offset, metadata.partition(":")[0]) != (next_offset, str(lane.batch_seq)):
                text = f"{where}: published {offset} {metadata!r}, applied {next_offset}"
                yield Violation("lost", f"{text} batch {lane.batch_seq}")
    for topic, partition in sorted(last):
        if partition not in observed.lanes:
            yield Violation("lost", f"{topic}/{partition}: no lane row")


def segments_hold_every_batch(run: Run) -> Iterator[Violation]:
    by_partition = defaultdict(list)
    for segment in run.observed.segments:
        by_partition[segment.partition].append(segment)
    for partition, lane in run.observed.lanes.items():
        segments = sorted(by_partition[partition], key=lambda one: one.batch_seq)
        numbers = [segment.batch_seq for segment in segments]
        earlier = run.observed.earlier
        first = 1 if earlier is None else earlier.first_batch(partition)
        skipped = run.observed.skipped
        every = range(first, lane.batch_seq + 1)
        if numbers != [batch for batch in every if (partition, batch) not in skipped]:
            yield Violation("lost", f"partition {partition}: segments are not 1…{lane.batch_seq}")
        for before, after in pairwise(segments):
            if any(after.next_offsets[t] < offset for t, offset in before.next_offsets.items()):
                text = f"partition {partition}: batch {after.batch_seq} goes back"
                yield Violation("repeated", text)


def every_interaction_is_in_one_segment(run: Run) -> Iterator[Violation]:
    times = Counter(at for segment in run.observed.segments for at in segment.interactions)
    for at in sorted(run.inputs.at_home - times.keys()):
        yield Violation("lost", f"interaction {at} is in no segment")
    for at in sorted(times.keys() - run.inputs.at_home):
        yield Violation("state_differences", f"{at} is in a segment but no valid interaction")
    for at, count in times.items():
        if count > 1:
            yield Violation("repeated", f"interaction {at} is in {count} segments")


def no_transaction_is_open(run: Run) -> Iterator[Violation]:
    for (topic, partition), ends in sorted(run.observed.ends.items()):
        if ends.last_stable < ends.high_watermark:
            text = f"{topic}/{partition}: last stable {ends.last_stable} of {ends.high_watermark}"
            yield Violation("open_transactions", text)
