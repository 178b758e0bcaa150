"""Identities across partitions: the union is folded once, whatever fails, and apart again."""

import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import pytest

from app.domain import evidence_log
from app.domain.contact import Contact
from app.domain.decide import decide
from app.domain.identity import LINKED, UNLINKED, whole_log
from app.domain.interaction import Address, Interaction
from app.domain.timestamps import format_rfc3339
from app.domain.topics import Topic
from app.failpoints import Failpoint
from tests.failure.conftest import Arm, Once
from tests.failure.rig import SOURCE, Rig, until
from tests.failure.rig_reading import _batches_fit, _history, _source, header, read, stored_contact
from tests.property.arrivals import standing
from tests.property.identities import union_as_own

PASSED_BY_LINKS = (
    Failpoint.LOAD_BEFORE_SEALED,
    Failpoint.APPLY_AFTER_FENCE,
    Failpoint.APPLY_BEFORE_REVOCATIONS,
    Failpoint.APPLY_BEFORE_SEALED,
    Failpoint.APPLY_BEFORE_COMMIT,
    Failpoint.APPLY_AFTER_COMMIT,
    Failpoint.PUBLISH_BEFORE_SEND,
    Failpoint.PUBLISH_BEFORE_DELIVERY,
    Failpoint.PUBLISH_BEFORE_COMMIT,
    Failpoint.PUBLISH_AFTER_COMMIT,
)


class Pair:
    """A primary and its secondary, at home on two partitions."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.primary, self.secondary = rig.contact_on(0), rig.contact_on(1)
        self.said = 0

    async def acts(self, primary: int = 1, secondary: int = 1) -> None:
        """So many interactions of each, the journey's steps in order."""
        for _ in range(primary):
            await self.rig.send(self.primary, self.rig.sent)
        for _ in range(secondary):
            await self.rig.send(self.secondary, self.rig.sent)
        await self.rig.flush()

    async def says(self, type_: str) -> None:
        self.said += 1
        data = {"other": self.primary, "evidence": "same mail", "actor": "jo"}
        event = {"specversion": "1.0", "id": f"l{self.said}", "source": SOURCE, "type": type_,
                 "subject": self.secondary, "data": data}  # fmt: skip
        await self.rig.send_raw(
            json.dumps(event).encode(),
            self.rig.home(self.secondary),
            topic=Topic.COMMANDS,
            key=self.secondary.encode(),
        )
        await self.rig.flush()

    async def are_one(self) -> None:
        await proven(self.rig, dict.fromkeys((self.primary, self.secondary), self.primary))

    async def are_two(self) -> None:
        await proven(self.rig, {key: key for key in (self.primary, self.secondary)})


@pytest.fixture
def pair(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Pair:
    monkeypatch.setattr(evidence_log, "SECTION_STEPS", 3)
    return Pair(rig)


async def at_rest(rig: Rig) -> None:
    """Nothing is under way from one partition to the other."""

    async def ends() -> list[Any]:
        return [(await rig.coordinator.bounds(p))[1] for p in range(rig.partitions)]

    while True:
        before = await ends()
        await rig.settled()
        if await ends() == before:
            return


async def proven(rig: Rig, roots: Mapping[str, str]) -> None:
    """Each root has the history of the union, the others none; nothing twice, nothing missing."""
    await at_rest(rig)
    records: dict[str, list[Any]] = {topic: [] for topic in (*rig.inputs, *rig.outputs)}
    for record in await read(rig, records):
        records[record.topic].append(record)
    for topic in rig.outputs:
        _batches_fit([each for each in records[topic] if _is_of_a_lane(each)])
    ids = [json.loads(each.value)["id"] for each in records[rig.name(Topic.COMMANDS)]]
    assert len(ids) == len(set(ids)), "a command twice"
    told = _told(records[rig.name(Topic.STAGE_CHANGES)])
    history = await _history(rig)
    arrived = _arrived(rig, records[rig.name(Topic.INTERACTIONS)])
    for key, root in roots.items():
        seqs = [each["seq"] for each in told[key]]
        assert seqs == list(range(1, len(seqs) + 1)), "a gap, or a record twice"
        assert [each.seq for each in history.get(key, [])] == seqs
        union = [e for e in arrived if roots[e.contact_id] == key]
        assert _standing(told[key]) == _folded(rig, key, union), key
        contact = await stored_contact(rig, key)
        assert contact.book.primary == (None if key == root else root)
        found = [(e.member or key, e.id) for e in whole_log(contact) if "identity" not in e.type]
        own = [(e.contact_id, e.id) for e in arrived if key in (e.contact_id, roots[e.contact_id])]
        assert sorted(found) == sorted(own)


def _is_of_a_lane(record: Any) -> bool:
    return any(name == "funnel-batch" for name, _ in record.headers)


def _told(records: list[Any]) -> dict[str, list[dict[str, Any]]]:
    by_contact = defaultdict(list)
    for record in records:
        kind = header(record, "ce_type").split(".")[2]
        by_contact[record.key.decode()].append({"kind": kind, **json.loads(record.value)})
    return by_contact


def _standing(told: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    held: dict[str, tuple[Any, ...]] = {}
    for each in told:
        tid = each["transition_id"]
        if each["kind"].endswith("revoked"):
            del held[tid]
        else:
            move = each["effective_at"], tid, each["from_stage"], each["to_stage"]
            held[tid] = (*move, each["cause"]["event_id"])
    return sorted(held.values())


def _arrived(rig: Rig, records: list[Any]) -> list[Interaction]:
    decoded = [rig.decode(_source(rig, each)) for each in records]
    return [each for each in decoded if type(each) is Interaction]


def _folded(rig: Rig, key: str, union: list[Interaction]) -> list[tuple[Any, ...]]:
    contact, changes = Contact.new("default", key), []
    for n, each in enumerate(union_as_own(key, union)):
        changes += decide(contact, each, Address(1, n), rig.rules, each.time).changes
    return sorted(
        (format_rfc3339(at), tid, from_stage, to_stage, cause.event_id.partition("\0")[0])
        for at, tid, _, from_stage, to_stage, _, cause, _ in standing(changes)
    )


async def test_a_link_folds_the_union_and_its_end_folds_both_apart(rig: Rig, pair: Pair) -> None:
    first, second = rig.lane(), rig.lane()
    await until(lambda: sorted(first.owned + second.owned) == [0, 1])
    await pair.acts(2, 5)
    await pair.are_two()
    await pair.says(LINKED)
    await pair.are_one()
    await pair.acts(1, 4)
    await pair.are_one()
    await pair.says(UNLINKED)
    await pair.are_two()
    await pair.acts(1, 1)
    await pair.are_two()
    assert first.ended("unclean") + second.ended("unclean") == 0


async def test_the_last_snapshot_of_a_linked_identity_names_its_primary(
    rig: Rig, pair: Pair
) -> None:
    rig.lane()
    await pair.acts(1, 3)
    await pair.says(LINKED)
    await at_rest(rig)

    async def last(key: str) -> Any:
        told = await read(rig, [rig.name(Topic.CONTACTS)])
        return [msgspec.json.decode(each.value) for each in told if each.key == key.encode()][-1]

    linked = await last(pair.secondary)
    assert (linked["linked_to"], linked["stage"]) == (pair.primary, "none")
    assert (await last(pair.primary))["linked_to"] is None
    await pair.says(UNLINKED)
    await at_rest(rig)
    assert (await last(pair.secondary))["linked_to"] is None


Act = Callable[[Pair], Awaitable[None]]
ACTS: Mapping[str, Act] = {
    "link": lambda pair: pair.says(LINKED),
    "later interactions": lambda pair: pair.acts(1, 4),
    "unlink": lambda pair: pair.says(UNLINKED),
}


@pytest.mark.parametrize("act", ACTS)
async def test_a_lane_killed_with_commands_it_had_not_published_is_taken_over_with_them(
    rig: Rig, pair: Pair, act: str
) -> None:
    killed = rig.lane()
    await killed.owns(0, 1)
    await pair.acts(2, 5)
    if act != "link":
        await pair.says(LINKED)
    await at_rest(rig)
    killed.may_publish.clear()
    before = [await rig.known_row(p) for p in range(rig.partitions)]
    await ACTS[act](pair)

    async def applied() -> bool:
        return (await rig.known_row(1)).batch_seq > before[1].batch_seq

    await until(applied)
    await killed.kill()
    successor = rig.lane()
    await pair.acts(1, 1)
    await (pair.are_two() if act == "unlink" else pair.are_one())
    assert successor.counted("fences_total") >= 1


async def test_a_fault_in_the_middle_of_linking_repeats_and_loses_nothing(
    rig: Rig, pair: Pair, arm: Arm, armed: Once
) -> None:
    """Every step fails once, in work that links, unlinks and goes on."""
    lane = rig.lane()
    await lane.owns(0, 1)
    await pair.acts(8, 12)
    await at_rest(rig)
    for done, point in enumerate(PASSED_BY_LINKS):
        arm(point)
        is_link = done % 2 == 0
        await pair.says(LINKED if is_link else UNLINKED)
        await pair.acts(1, 2)
        await until(lambda: armed.fired[-1:] == [point])  # noqa: B023 - awaited here
        await until(lambda: lane.ended("unclean") == done + 1)  # noqa: B023 - awaited here
        await (pair.are_one() if is_link else pair.are_two())


async def test_a_zombie_sends_no_evidence_again(rig: Rig, pair: Pair) -> None:
    zombie = rig.lane()
    await zombie.owns(0, 1)
    await pair.acts(2, 5)
    await at_rest(rig)
    zombie.may_publish.clear()
    before = await rig.known_row(1)
    await pair.says(LINKED)

    async def applied() -> bool:
        return (await rig.known_row(1)).batch_seq > before.batch_seq

    await until(applied)
    successor = rig.lane(membership=f"other-{rig.unique}")
    await pair.are_one()
    zombie.may_publish.set()
    await until(lambda: zombie.ended("unclean") + zombie.ended("unavailable") >= 1)
    await zombie.kill()
    await until(lambda: successor.owned == [0, 1])
    await pair.acts(1, 2)
    await pair.are_one()
