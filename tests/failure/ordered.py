"""What the output topics told: nothing twice, in order, without gaps, the last word right."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from tests.failure.envelope import ContactKey, home_of
from tests.failure.judged import Run, Violation
from tests.failure.outputs import Output, output_of


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
            homes, earlier = observed.partitions, observed.earlier
            if earlier is not None and output.batch <= earlier.batches.get(record.partition, 0):
                homes = earlier.partitions
            if record.partition != home_of(*output.contact, homes):
                yield Violation("state_differences", f"{record.at} is not on its home partition")
            if output.seq < last_seq.get(output.contact, 0):
                yield Violation("out_of_order", f"{record.at}: seq {output.seq} came late")
            if output.batch < last_batch.get(record.partition, 0):
                yield Violation("out_of_order", f"{record.at}: batch {output.batch} came late")
            last_seq[output.contact] = output.seq
            last_batch[record.partition] = output.batch


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
