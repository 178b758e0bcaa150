"""Was every interaction given its effects exactly once? Judges a run by what it left behind.

Shares no code with the service: the inputs are read back from their topics and folded by the
oracle; then topics, tables and offsets must say the same.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from tests.failure import agreeing, complete, ordered
from tests.failure.envelope import ContactKey, read_inputs
from tests.failure.judged import Run, Violation
from tests.failure.observed import Observed
from tests.failure.oracle import fold
from tests.failure.outputs import Output, output_of

KINDS: Final = (
    "lost",
    "repeated",
    "out_of_order",
    "seq_gaps",
    "state_differences",
    "open_transactions",
)

RULES: Final[tuple[Callable[[Run], Iterator[Violation]], ...]] = (
    complete.acknowledged_inputs_are_stored,
    complete.off_home_records_are_forwarded_once,
    complete.poison_is_dead_lettered_once,
    ordered.no_output_is_repeated,
    ordered.sequence_has_order_and_no_gap,
    ordered.every_topic_is_in_order,
    agreeing.histories_agree,
    agreeing.stages_agree,
    ordered.opportunities_are_told,
    agreeing.counters_agree,
    complete.all_is_applied_and_published,
    complete.segments_hold_every_batch,
    complete.every_interaction_is_in_one_segment,
    complete.no_transaction_is_open,
)


class Report(NamedTuple):
    counts: dict[str, int]
    violations: list[Violation]
    facts: dict[str, int]
    """What was checked, so that a run that checked nothing is seen."""

    @property
    def is_clean(self) -> bool:
        return not self.violations


def check(observed: Observed) -> Report:
    inputs = read_inputs(observed.inputs, observed.partitions, observed.earlier)
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
