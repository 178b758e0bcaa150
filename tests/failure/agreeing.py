"""State and history, told and stored, are what the oracle says."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.failure.histories import Standing, expected_history, stored_history, told_history
from tests.failure.judged import Run, Violation
from tests.failure.oracle import Folded
from tests.failure.outputs import output_of


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
