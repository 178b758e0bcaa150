"""A small run as it should be, made by hand from the oracle, for tests to break."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final

from tests.failure.envelope import (
    COMMANDS,
    EXPECTED,
    FORWARDED,
    INTERACTIONS,
    ContactKey,
    Record,
    home_of,
    read_inputs,
)
from tests.failure.observed import ContactRow, Ends, HistoryRow, LaneRow, Observed, SegmentRow
from tests.failure.oracle import Move, fold

PARTITIONS: Final = 2
MARCH: Final = 1_772_323_200_000
"""2026-03-01T00:00:00Z in milliseconds."""
DATA: Final[dict[str, dict[str, Any]]] = {
    "newsletter.signed_up": {"email": "ada@firm.example", "list_id": "news", "consent": True},
    "email.replied": {"message_id": "m1", "is_auto_reply": False},
    "demo.requested": {"product_id": "analytics"},
    "deal.lost": {"deal_id": "d1", "reason": "price"},
    "email.opened": {"message_id": "m1"},
    "deal.won": {"deal_id": "d1", "amount": 1200, "currency": "EUR"},
}


def flawless_run() -> Observed:
    """Two contacts, one of them lost in the end, one off-home record, one duplicate, one poison."""
    inputs = _Inputs()
    for contact_id in ("ada", "bob"):
        for day, kind in enumerate(list(DATA)[: 4 if contact_id == "ada" else 3]):
            inputs.event(contact_id, f"{contact_id}-{day}", kind, day)
    inputs.event("ada", "ada-0", "newsletter.signed_up", 9)
    inputs.off_home("bob", "bob-9", "email.replied", 9)
    inputs.poison("undecodable")
    observed = Observed(partitions=PARTITIONS, inputs=inputs.records)
    observed.acknowledged = {record.at for record in inputs.records if record.topic == INTERACTIONS}
    _publish(observed)
    _settle(observed)
    return observed


class _Inputs:
    def __init__(self) -> None:
        self.records: list[Record] = []
        self.next: Counter[tuple[str, int]] = Counter()

    def add(self, topic: str, partition: int, value: bytes, *headers: tuple[str, bytes]) -> Record:
        offset = self.next[topic, partition]
        self.next[topic, partition] += 1
        record = Record(topic, partition, offset, MARCH + 10**9, None, value, headers)
        self.records.append(record)
        return record

    def event(self, contact_id: str, event_id: str, kind: str, day: int) -> None:
        home = home_of("default", contact_id, PARTITIONS)
        self.add(INTERACTIONS, home, structured(contact_id, event_id, kind, day))

    def off_home(self, contact_id: str, event_id: str, kind: str, day: int) -> None:
        home = home_of("default", contact_id, PARTITIONS)
        value = structured(contact_id, event_id, kind, day)
        original = self.add(INTERACTIONS, 1 - home, value)
        origin = ":".join(map(str, (*original.at, original.timestamp_ms)))
        self.add(COMMANDS, home, value, (FORWARDED, origin.encode()))

    def poison(self, reason: str) -> None:
        self.add(INTERACTIONS, 0, b"{", (EXPECTED, reason.encode()))


def structured(contact_id: str, event_id: str, kind: str, day: int) -> bytes:
    attributes = {"specversion": "1.0", "id": event_id, "source": "/s", "type": kind}
    time = _rfc3339((MARCH // 1000 + day * 86_400) * 1_000_000)
    return json.dumps(
        attributes | {"subject": contact_id, "time": time, "data": DATA[kind]}
    ).encode()


def _rfc3339(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).isoformat()


def _publish(observed: Observed) -> None:
    """Outputs and rows as they follow from the inputs, all in batch 1 of their partition."""
    inputs = read_inputs(observed.inputs, PARTITIONS)
    for contact, events in inputs.events.items():
        folded = fold(events)
        home = home_of(*contact, PARTITIONS)
        for seq, move in enumerate(folded.moves, 1):
            _tell(observed, contact, home, seq, move)
        observed.contact_rows[contact] = ContactRow(home, folded.stage, len(folded.moves))
        observed.snapshots.append(
            output_record(
                "funnel.contacts.v1",
                home,
                contact,
                len(folded.moves),
                "snapshot",
                {"stage": folded.stage},
            )
        )
        counted = home, contact[0], folded.stage
        observed.counters[counted] = observed.counters.get(counted, 0) + 1
    for at, reason in inputs.poison.items():
        names = zip(("topic", "partition", "offset", "reason"), (*at, reason), strict=True)
        headers = tuple((f"__dlq.errors.{name}", str(value).encode()) for name, value in names)
        dlq = Record("dlq.funnel.interactions.v1", at[1], 0, MARCH, None, b"{", headers)
        observed.dead_letters.append(dlq)
        observed.dead_letter_rows.append((at, reason))


def _tell(observed: Observed, contact: ContactKey, home: int, seq: int, move: Move) -> None:
    transition_id = f"{contact[1]}-{move.from_stage}-{move.to_stage}"
    data = {
        "transition_id": transition_id,
        "transition": move.transition,
        "from_stage": move.from_stage,
        "to_stage": move.to_stage,
        "stage": move.to_stage,
        "cycle": move.cycle,
        "effective_at": _rfc3339(move.effective_at),
        "cause": {"event_id": move.cause_id},
    }
    topic = "funnel.stage-changes.v1"
    observed.stage_changes.append(output_record(topic, home, contact, seq, "stage_changed", data))
    observed.history_rows.append(
        HistoryRow(
            *contact,
            seq,
            "changed",
            transition_id,
            move.transition,
            move.from_stage,
            move.to_stage,
            move.cycle,
            move.effective_at,
            move.cause_id,
            None,
        )
    )
    if "opportunity" in (move.from_stage, move.to_stage):
        kind = "became_opportunity" if move.to_stage == "opportunity" else "opportunity_closed"
        topic = "funnel.opportunities.v1"
        observed.opportunities.append(output_record(topic, home, contact, seq, kind, data))


_offsets: Counter[tuple[str, int]] = Counter()


def output_record(
    topic: str, partition: int, contact: ContactKey, seq: int, kind: str, data: dict[str, Any]
) -> Record:
    headers = {
        "ce_id": f"{contact}-{seq}-{kind}",
        "ce_type": f"funnel.contact.{kind}.v1",
        "ce_subject": contact[1],
        "ce_tenantid": contact[0],
        "ce_sequence": f"{seq:020}",
        "funnel-batch": f"contact/{partition}/1",
    }
    _offsets[topic, partition] += 1
    return Record(
        topic,
        partition,
        _offsets[topic, partition],
        MARCH,
        contact[1].encode(),
        json.dumps(data).encode(),
        tuple((name, value.encode()) for name, value in headers.items()),
    )


def _settle(observed: Observed) -> None:
    """K = D, past the last input."""
    at_home = read_inputs(observed.inputs, PARTITIONS).at_home
    for partition in range(PARTITIONS):
        offsets = dict.fromkeys((INTERACTIONS, COMMANDS), 0)
        for record in observed.inputs:
            if record.partition == partition:
                offsets[record.topic] = max(offsets[record.topic], record.offset + 1)
        observed.lanes[partition] = LaneRow(1, offsets)
        observed.segments.append(
            SegmentRow(partition, 1, offsets, tuple(at for at in at_home if at[1] == partition))
        )
        for topic, offset in offsets.items():
            observed.committed[topic, partition] = offset, "1:0"
            observed.ends[topic, partition] = Ends(offset, offset)
