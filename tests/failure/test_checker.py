"""The checker finds each kind of violation, and finds none where there is none."""

from collections.abc import Callable

import pytest

from tests.failure.checker import check
from tests.failure.envelope import COMMANDS, EXPECTED, FORWARDED, INTERACTIONS, Record, home_of
from tests.failure.flawless import flawless_run, output_record, structured
from tests.failure.observed import ContactRow, Ends, LaneRow, Observed

Break = Callable[[Observed], None]
ADA, BOB = ("default", "ada"), ("default", "bob")


def _changes_of(observed: Observed, contact_id: str) -> list[int]:
    return [
        at
        for at, record in enumerate(observed.stage_changes)
        if record.header("ce_subject") == contact_id
    ]


def publish_nothing(observed: Observed) -> None:
    for at in reversed(_changes_of(observed, "ada")):
        del observed.stage_changes[at]


def forget_the_last_change(observed: Observed) -> None:
    del observed.stage_changes[_changes_of(observed, "ada")[-1]]


def forget_a_change_between(observed: Observed) -> None:
    del observed.stage_changes[_changes_of(observed, "ada")[1]]


def _again(records: list[Record], at: int) -> None:
    records.append(records[at]._replace(offset=10_000))


def publish_a_change_twice(observed: Observed) -> None:
    _again(observed.stage_changes, -1)


def publish_an_old_change_twice_with_new_id(observed: Observed) -> None:
    record = observed.stage_changes[_changes_of(observed, "ada")[0]]
    headers = tuple(
        (name, b"other" if name == "ce_id" else value) for name, value in record.headers
    )
    observed.stage_changes.append(record._replace(offset=10_000, headers=headers))


def publish_an_opportunity_twice(observed: Observed) -> None:
    _again(observed.opportunities, 0)


def swap_two_changes(observed: Observed) -> None:
    first, second = _changes_of(observed, "ada")[:2]
    a, b = observed.stage_changes[first], observed.stage_changes[second]
    observed.stage_changes[first] = a._replace(offset=b.offset)
    observed.stage_changes[second] = b._replace(offset=a.offset)


def an_old_batch_after_a_new_one(observed: Observed) -> None:
    record = observed.snapshots[0]
    headers = tuple(
        (name, b"contact/0/9" if name == "funnel-batch" else value)
        for name, value in record.headers
    )
    observed.snapshots[0] = record._replace(headers=headers, offset=0)
    observed.snapshots[1:] = [
        one._replace(partition=record.partition, offset=5) for one in observed.snapshots[1:]
    ]


def close_no_opportunity(observed: Observed) -> None:
    observed.opportunities = [
        record
        for record in observed.opportunities
        if "closed" not in (record.header("ce_type") or "")
    ]


def tell_sales_nothing(observed: Observed) -> None:
    observed.opportunities.clear()


def snapshot_of_another_stage(observed: Observed) -> None:
    last = observed.snapshots[0]
    contact = "default", last.header("ce_subject") or ""
    wrong = output_record(last.topic, last.partition, contact, 4, "wrong", {"stage": "customer"})
    observed.snapshots.append(wrong)


def no_snapshot(observed: Observed) -> None:
    observed.snapshots.clear()


def row_with_another_stage(observed: Observed) -> None:
    observed.contact_rows[ADA] = observed.contact_rows[ADA]._replace(stage="customer")


def row_ahead_of_the_topic(observed: Observed) -> None:
    row = observed.contact_rows[ADA]
    observed.contact_rows[ADA] = row._replace(seq=row.seq + 1)


def no_row(observed: Observed) -> None:
    del observed.contact_rows[BOB]


def row_of_nobody(observed: Observed) -> None:
    observed.contact_rows["default", "nobody"] = observed.contact_rows[ADA]


def history_row_missing(observed: Observed) -> None:
    observed.history_rows.pop()


def history_with_another_cause(observed: Observed) -> None:
    observed.history_rows[0] = observed.history_rows[0]._replace(cause_id="another")


def counter_off_by_one(observed: Observed) -> None:
    key = next(iter(observed.counters))
    observed.counters[key] += 1


def counter_missing(observed: Observed) -> None:
    observed.counters.clear()


def dead_letter_missing_on_the_topic(observed: Observed) -> None:
    observed.dead_letters.clear()


def dead_letter_missing_in_the_table(observed: Observed) -> None:
    observed.dead_letter_rows.clear()


def dead_letter_twice(observed: Observed) -> None:
    _again(observed.dead_letters, 0)


def dead_letter_of_another_reason(observed: Observed) -> None:
    at, _ = observed.dead_letter_rows[0]
    observed.dead_letter_rows[0] = at, "rule_error"


def dead_letter_of_a_good_record(observed: Observed) -> None:
    observed.dead_letter_rows.append(((INTERACTIONS, 1, 0), "rule_error"))


def off_home_record_not_forwarded(observed: Observed) -> None:
    observed.inputs = [one for one in observed.inputs if one.header(FORWARDED) is None]


def off_home_record_forwarded_twice(observed: Observed) -> None:
    _again(observed.inputs, [one.topic for one in observed.inputs].index(COMMANDS))


def acknowledged_record_gone(observed: Observed) -> None:
    observed.acknowledged.add((INTERACTIONS, 0, 999))


def interaction_never_folded(observed: Observed) -> None:
    """Its effects are missing: the input says more than every output."""
    of_bob = next(one for one in observed.inputs if b"bob-0" in (one.value or b""))
    won = structured("bob", "bob-won", "deal.won", 20)
    observed.inputs.append(of_bob._replace(value=won))


def applied_not_to_the_end(observed: Observed) -> None:
    lane = observed.lanes[0]
    observed.lanes[0] = LaneRow(lane.batch_seq, dict.fromkeys(lane.next_offsets, 0))


def applied_but_not_published(observed: Observed) -> None:
    lane = observed.lanes[0]
    observed.lanes[0] = lane._replace(batch_seq=2)


def segment_missing(observed: Observed) -> None:
    observed.segments.pop()


def offsets_went_back(observed: Observed) -> None:
    first = observed.segments[0]
    lower = {topic: offset - 1 for topic, offset in first.next_offsets.items()}
    observed.segments.insert(1, first._replace(batch_seq=2, next_offsets=lower))
    lane = observed.lanes[first.partition]
    observed.lanes[first.partition] = lane._replace(batch_seq=2)


def interaction_without_effect_skipped(observed: Observed) -> None:
    segment = observed.segments[0]
    observed.segments[0] = segment._replace(interactions=segment.interactions[1:])


def interaction_applied_twice(observed: Observed) -> None:
    first = observed.segments[0]
    observed.segments[0] = first._replace(interactions=first.interactions * 2)


def poison_taken_for_an_interaction(observed: Observed) -> None:
    (poison,) = [one.at for one in observed.inputs if one.header(EXPECTED) is not None]
    first = observed.segments[0]
    observed.segments[0] = first._replace(interactions=(*first.interactions, poison))


def hanging_transaction(observed: Observed) -> None:
    observed.ends["funnel.stage-changes.v1", 0] = Ends(10, 11)


BREAKS: dict[Break, str] = {
    publish_nothing: "lost",
    forget_the_last_change: "lost",
    forget_a_change_between: "seq_gaps",
    publish_a_change_twice: "repeated",
    publish_an_old_change_twice_with_new_id: "repeated",
    publish_an_opportunity_twice: "repeated",
    swap_two_changes: "out_of_order",
    an_old_batch_after_a_new_one: "out_of_order",
    close_no_opportunity: "state_differences",
    tell_sales_nothing: "lost",
    snapshot_of_another_stage: "state_differences",
    no_snapshot: "lost",
    row_with_another_stage: "state_differences",
    row_ahead_of_the_topic: "lost",
    no_row: "lost",
    row_of_nobody: "state_differences",
    history_row_missing: "state_differences",
    history_with_another_cause: "state_differences",
    counter_off_by_one: "state_differences",
    counter_missing: "state_differences",
    dead_letter_missing_on_the_topic: "lost",
    dead_letter_missing_in_the_table: "lost",
    dead_letter_twice: "repeated",
    dead_letter_of_another_reason: "state_differences",
    dead_letter_of_a_good_record: "state_differences",
    off_home_record_not_forwarded: "lost",
    off_home_record_forwarded_twice: "repeated",
    acknowledged_record_gone: "lost",
    interaction_never_folded: "state_differences",
    applied_not_to_the_end: "lost",
    applied_but_not_published: "lost",
    segment_missing: "lost",
    offsets_went_back: "repeated",
    interaction_without_effect_skipped: "lost",
    interaction_applied_twice: "repeated",
    poison_taken_for_an_interaction: "state_differences",
    hanging_transaction: "open_transactions",
}


def test_a_flawless_run_has_no_violation() -> None:
    report = check(flawless_run())
    assert report.violations == []
    assert report.facts["duplicates"] == 1
    assert report.facts["off_home"] == 1
    assert report.facts["poison"] == 1
    assert report.facts["standing_transitions"] == 7


def test_a_contact_without_a_stage_is_not_counted() -> None:
    observed = flawless_run()
    first = observed.inputs[0]
    opened = structured("eve", "eve-0", "email.opened", 1)
    home = home_of("default", "eve", observed.partitions)
    record = first._replace(value=opened, partition=home, offset=50)
    observed.inputs.append(record)
    observed.contact_rows["default", "eve"] = ContactRow(home, "none", 0)
    kinds = {violation.what for violation in check(observed).violations}
    assert not [what for what in kinds if what.startswith("counter")]


@pytest.mark.parametrize("damage", BREAKS, ids=lambda damage: damage.__name__)
def test_each_violation_is_found(damage: Break) -> None:
    observed = flawless_run()
    damage(observed)
    assert check(observed).counts[BREAKS[damage]] > 0
