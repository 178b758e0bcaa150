"""Was every interaction given its effects exactly once? Judges a run by what it left behind.

Shares no code with the service: the inputs are read back from their topics and folded by the
oracle; then topics, tables and offsets must say the same.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from tests.failure.envelope import ContactKey, Inputs, home_of, read_inputs
from tests.failure.histories import Standing, expected_history, stored_history, told_history
from tests.failure.observed import Observed
from tests.failure.oracle import Folded, fold
from tests.failure.outputs import Output, output_of

KINDS: Final = (
    "lost",
    "repeated",
    "out_of_order",
    "seq_gaps",
    "state_differences",
    "open_transactions",
)


class Violation(NamedTuple):
    kind: str
    what: str


class Report(NamedTuple):
    counts: dict[str, int]
    violations: list[Violation]
    facts: dict[str, int]
    """What was checked, so that a run that checked nothing is seen."""

    @property
    def is_clean(self) -> bool:
        return not self.violations


class Run(NamedTuple):
    """Observed, and what it should have been."""

    observed: Observed
    inputs: Inputs
    expected: dict[ContactKey, Folded]
    told: dict[ContactKey, list[Output]]
    """Records of the stage-changes topic, in its order."""


def check(observed: Observed) -> Report:
    inputs = read_inputs(observed.inputs, observed.partitions)
    expected = {contact: fold(events) for contact, events in inputs.events.items()}
    told: dict[ContactKey, list[Output]] = defaultdict(list)
    for record in sorted(observed.stage_changes):
        output = output_of(record)
        told[output.contact].append(output)
    run = Run(observed, inputs, expected, told)
    violations = [violation for rule in RULES for violation in rule(run)]
    counted = Counter(violation.kind for violation in violations)
    return Report(
        {kind: counted[kind] for kind in KINDS},
        violations,
        {
            "records_in": len(observed.inputs),
            "interactions": sum(map(len, inputs.events.values())),
            "contacts": len(expected),
            "duplicates": inputs.duplicates,
            "off_home": len(inputs.off_home),
            "poison": len(inputs.poison),
            "stage_changes": len(observed.stage_changes),
            "standing_transitions": sum(len(folded.moves) for folded in expected.values()),
            "revocations": sum(1 for outs in told.values() for out in outs if out.is_revocation),
            "corrections": sum(1 for outs in told.values() for out in outs if out.is_correction),
            "batches": sum(lane.batch_seq for lane in observed.lanes.values()),
        },
    )


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


def no_output_is_repeated(run: Run) -> Iterator[Violation]:
    observed = run.observed
    for records in (observed.stage_changes, observed.opportunities, observed.snapshots):
        ids = Counter(record.header("ce_id") for record in records)
        for record_id, count in ids.items():
            if count > 1 or record_id is None:
                yield Violation("repeated", f"{records[0].topic}: {count} times ce_id {record_id}")
    for contact, outputs in run.told.items():
        for seq, count in Counter(output.seq for output in outputs).items():
            if count > 1:
                yield Violation("repeated", f"{contact}: {count} stage changes with seq {seq}")


def sequence_has_order_and_no_gap(run: Run) -> Iterator[Violation]:
    for contact, outputs in run.told.items():
        sequence = [output.seq for output in outputs]
        for before, after in pairwise(sequence):
            if after < before:
                yield Violation("out_of_order", f"{contact}: seq {after} after {before}")
        missing = set(range(1, max(sequence) + 1)) - set(sequence)
        if missing or min(sequence) < 1:
            yield Violation("seq_gaps", f"{contact}: without seq {sorted(missing)}")


def every_topic_is_in_order(run: Run) -> Iterator[Violation]:
    """Per contact seq never falls, per partition the batch never does, and records are at home."""
    observed = run.observed
    for records in (observed.stage_changes, observed.opportunities, observed.snapshots):
        last_seq: dict[ContactKey, int] = {}
        last_batch: dict[int, int] = {}
        for record in sorted(records):
            output = output_of(record)
            if record.partition != home_of(*output.contact, observed.partitions):
                yield Violation("state_differences", f"{record.at} is not on its home partition")
            if output.seq < last_seq.get(output.contact, 0):
                yield Violation("out_of_order", f"{record.at}: seq {output.seq} came late")
            if output.batch < last_batch.get(record.partition, 0):
                yield Violation("out_of_order", f"{record.at}: batch {output.batch} came late")
            last_seq[output.contact] = output.seq
            last_batch[record.partition] = output.batch


def histories_agree(run: Run) -> Iterator[Violation]:
    rows = defaultdict(list)
    for row in run.observed.history_rows:
        rows[row.tenant, row.contact_id].append(row)
    for contact in sorted({*run.expected, *run.told, *rows}):
        expected = expected_history(run.expected.get(contact, Folded("none", 1, ())))
        told = told_history(run.told.get(contact, []))
        if expected and not told:
            yield Violation("lost", f"{contact}: no stage change of {len(expected)} was published")
        elif told != expected:
            yield Violation("state_differences", f"{contact}: topic {_apart(told, expected)}")
        stored = stored_history(rows.get(contact, []))
        if expected and not stored:
            yield Violation("lost", f"{contact}: no history of {len(expected)} is stored")
        elif stored != expected:
            yield Violation("state_differences", f"{contact}: table {_apart(stored, expected)}")


def _apart(found: list[Standing], expected: list[Standing]) -> str:
    surplus = [one for one in found if one not in expected]
    missing = [one for one in expected if one not in found]
    return f"has too much {surplus}, lacks {missing}" if surplus or missing else "has another order"


def stages_agree(run: Run) -> Iterator[Violation]:
    observed = run.observed
    snapshots = {output_of(record).contact: record for record in sorted(observed.snapshots)}
    for contact, folded in run.expected.items():
        told, row = run.told.get(contact), observed.contact_rows.get(contact)
        places = {"table": row.stage if row is not None else "none"}
        if told:
            places["last stage change"] = told[-1].stage
        if contact in snapshots:
            places["snapshot"] = output_of(snapshots[contact]).stage
        elif folded.moves:
            yield Violation("lost", f"{contact}: no snapshot")
        for place, stage in places.items():
            if stage != folded.stage:
                text = f"{contact}: {place} says {stage}, expected {folded.stage}"
                yield Violation("state_differences", text)
        last_seq = told[-1].seq if told else 0
        if row is None:
            yield Violation("lost", f"{contact}: no row")
        elif row.seq != last_seq:
            yield Violation("lost", f"{contact}: row has seq {row.seq}, topic ends at {last_seq}")
    for contact in observed.contact_rows.keys() - run.expected.keys():
        yield Violation("state_differences", f"{contact}: a row without interactions")


def opportunities_are_told(run: Run) -> Iterator[Violation]:
    """Who reads only the last record of a contact knows whether the opportunity is open."""
    last: dict[ContactKey, Output] = {}
    for record in sorted(run.observed.opportunities):
        output = output_of(record)
        last[output.contact] = output
    for contact, folded in run.expected.items():
        is_open = folded.stage == "opportunity"
        if contact not in last:
            if any("opportunity" in (move.from_stage, move.to_stage) for move in folded.moves):
                yield Violation("lost", f"{contact}: nothing on the opportunities topic")
        elif (last[contact].stage == "opportunity") != is_open:
            text = f"{contact}: {last[contact].type} is the last word, stage is {folded.stage}"
            yield Violation("state_differences", text)


def counters_agree(run: Run) -> Iterator[Violation]:
    counted = Counter(
        (row.partition, tenant, row.stage)
        for (tenant, _), row in run.observed.contact_rows.items()
        if row.stage != "none"
    )
    for key in sorted({*counted, *run.observed.counters}):
        stored = run.observed.counters.get(key, 0)
        if stored != counted[key]:
            text = f"counter {key} is {stored}, contacts {counted[key]}"
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
        if numbers != list(range(1, lane.batch_seq + 1)):
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


RULES: Final[tuple[Callable[[Run], Iterator[Violation]], ...]] = (
    acknowledged_inputs_are_stored,
    off_home_records_are_forwarded_once,
    poison_is_dead_lettered_once,
    no_output_is_repeated,
    sequence_has_order_and_no_gap,
    every_topic_is_in_order,
    histories_agree,
    stages_agree,
    opportunities_are_told,
    counters_agree,
    all_is_applied_and_published,
    segments_hold_every_batch,
    every_interaction_is_in_one_segment,
    no_transaction_is_open,
)
