"""Another model is activated under way: each contact is brought up to date once, whatever fails."""

import asyncio
import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from app.api.activating import Asked
from app.cli.known import read_contact
from app.cli.model import Loaded
from app.cli.model_activate import ask
from app.cli.model_timeline import _read, waited
from app.cli.sending import sender
from app.domain import evidence_log
from app.domain.routing import home_partition, routing_key
from app.domain.timestamps import format_rfc3339
from app.domain.topics import CONTACT_LANE, Topic
from app.errors import ModelError
from app.failpoints import Failpoint
from app.handling import sweep
from app.models import load_definition, load_rules, locating
from app.models.stored import plain, rules_of_stored
from app.storage import ownership
from tests.failure.conftest import Arm, Once
from tests.failure.rig import JOURNEY, SOURCE, Rig, Running, until
from tests.failure.rig_reading import expected
from tests.failure.test_timers import stage, told

B2B, PROFILE_FIRST = load_rules("b2b-default@1"), load_rules("profile-first@1")
CONTACTS = 40
SECOND = 1_000_000


def loaded(name: str, **changes: Any) -> Loaded:
    """A model, or one that is made of it."""
    definition, lines = load_definition(name)
    if changes:
        definition = {**plain(definition), "name": "own", **changes}
    return Loaded(definition, rules_of_stored(plain(definition)), locating(lines))


async def activate(
    rig: Rig, model: Loaded, mode: Any, *, tenant: str = "default", notice_seconds: float = 1.0
) -> Asked:
    async with sender(rig.settings.kafka) as to:
        return await ask(
            rig.settings, to, model, tenant, mode, "ops",
            topic=rig.name(Topic.COMMANDS), notice_seconds=notice_seconds,
        )  # fmt: skip


async def is_swept(rig: Rig, asked: Asked) -> bool:
    swept = await rig.database.fetchval(
        "SELECT count(swept_at) FROM model_timeline WHERE activated_by = $1", asked.command_id
    )
    return bool(swept == rig.partitions)


async def has_begun(rig: Rig) -> bool:
    return bool(
        await rig.database.fetchval(
            "SELECT count(*) FROM model_timeline WHERE swept > 0 AND swept_at IS NULL"
        )
    )


async def tell(rig: Rig, tenant: str, contact: str, type_: str, data: dict[str, Any]) -> None:
    rig.sent += 1
    event = {"specversion": "1.0", "id": f"t{rig.sent}", "source": SOURCE, "type": type_,
             "subject": contact, "tenantid": tenant, "data": data}  # fmt: skip
    key = routing_key(tenant, contact)
    home = home_partition(key, rig.partitions)
    await rig.send_raw(json.dumps(event).encode(), home, key=key.encode())


async def stages(rig: Rig, tenant: str = "default") -> Counter[str]:
    rows = await rig.database.fetch("SELECT stage FROM contact WHERE tenant = $1", tenant)
    return Counter(row["stage"] for row in rows)


async def proven_under(rig: Rig, model: Any) -> list[dict[str, Any]]:
    """What stands is what all evidence folds to under one model, and everything was told once, in
    order. The records."""
    rig.rules = model
    want, folded = await expected(rig)
    records = await told(rig)
    ids = [each["ce_id"] for each in records]
    assert len(ids) == len(set(ids)), "a record twice"
    seqs: dict[str, list[int]] = defaultdict(list)
    for each in records:
        seqs[each["contact"]].append(each["seq"])
    assert all(seq == list(range(1, len(seq) + 1)) for seq in seqs.values()), "a gap"
    stands: dict[str, list[str]] = defaultdict(list)
    for row in await rig.database.fetch(
        "SELECT contact_id, transition_id FROM stage_change"
        " WHERE kind = 'changed' AND revoked_at IS NULL ORDER BY contact_id, seq"
    ):
        stands[row["contact_id"]].append(row["transition_id"].hex)
    assert stands == {key: [each.transition_id for each in made] for key, made in want.items()}
    rows = await rig.database.fetch("SELECT contact_id, stage FROM contact")
    assert {row["contact_id"]: row["stage"] for row in rows} == {
        key: contact.stage for key, contact in folded.items()
    }
    counted = await rig.database.fetch(
        "SELECT stage, sum(n)::int AS n FROM counter GROUP BY stage HAVING sum(n) <> 0"
    )
    by_stage = Counter(contact.stage for contact in folded.values())
    assert {row["stage"]: row["n"] for row in counted} == by_stage
    return records


class Traffic:
    """Goes on until it is stopped."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        n = 0
        while True:
            await self._rig.send(f"c{n % (CONTACTS * 2)}", n // (CONTACTS * 2))
            await self._rig.flush()
            await asyncio.sleep(0.005)
            n += 1

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many batches."""
    monkeypatch.setattr(sweep, "SWEEP_MAX_CONTACTS", 4)


async def began(rig: Rig) -> Running:
    lane = rig.lane()
    await lane.owns(0, 1)
    await rig.send_journeys(CONTACTS, 2)
    await rig.settled()
    assert await stages(rig) == {"prospect": CONTACTS}
    return lane


@pytest.mark.usefixtures("slowly")
async def test_a_refold_under_traffic_survives_the_end_of_its_lane(rig: Rig) -> None:
    lane = await began(rig)
    traffic = Traffic(rig)
    asked = await activate(rig, loaded("profile-first@1"), "refold")
    await until(lambda: has_begun(rig))
    await lane.kill()
    assert not await is_swept(rig, asked)
    rig.lane()
    await until(lambda: is_swept(rig, asked))
    await traffic.stop()
    await rig.send("new", 0)
    await rig.settled()
    records = await proven_under(rig, PROFILE_FIRST)
    assert {each["model"] for each in records} == {B2B.ref, PROFILE_FIRST.ref}
    revoked = Counter(each["transition_id"] for each in records if each["revokes"] is not None)
    assert len(revoked) >= CONTACTS
    assert set(revoked.values()) == {1}
    assert {each["model"] for each in records if each["revokes"] is not None} == {B2B.ref}


@pytest.mark.usefixtures("slowly")
@pytest.mark.parametrize(
    ("point", "skip"),
    [
        (Failpoint.LOAD_BEFORE_MODELS, 0),
        (Failpoint.APPLY_BEFORE_MODELS, 0),
        (Failpoint.APPLY_BEFORE_MODELS, 5),
        (Failpoint.SWEEP_BEFORE_CONTACTS, 5),
        (Failpoint.PUBLISH_BEFORE_COMMIT, 2),
    ],
)
async def test_a_fault_while_a_model_is_activated_repeats_and_loses_nothing(
    rig: Rig, arm: Arm, armed: Once, point: Failpoint, skip: int
) -> None:
    lane = await began(rig)
    arm(point, skip=skip)
    asked = await activate(rig, loaded("profile-first@1"), "refold")
    await until(lambda: armed.fired)
    await until(lambda: lane.ended("unclean") == 1)
    await until(lambda: is_swept(rig, asked))
    await rig.settled()
    await proven_under(rig, PROFILE_FIRST)
    assert await stages(rig) == {"lead": CONTACTS}


@pytest.mark.usefixtures("slowly")
async def test_a_second_activation_overtakes_the_sweep_of_the_first(rig: Rig) -> None:
    await began(rig)
    first = await activate(rig, loaded("profile-first@1"), "refold")
    second = await activate(rig, loaded("b2b-default@1"), "refold", notice_seconds=1.2)
    await until(lambda: is_swept(rig, second))
    assert await is_swept(rig, first)
    await rig.settled()
    await proven_under(rig, B2B)


async def test_forward_decides_what_is_true_from_then_on(rig: Rig) -> None:
    lane = await began(rig)
    late, before = rig.contact_on(0, CONTACTS), format_rfc3339(await now_of(rig))
    await rig.send(late, 0)
    asked = await activate(rig, loaded("profile-first@1"), "forward")
    await until(lambda: is_swept(rig, asked))
    await rig.send(late, 1, at=before)
    new = rig.contact_on(1, CONTACTS)
    for step in (0, 1):
        await rig.send(new, step)
    await rig.settled()
    by_contact: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for each in await told(rig):
        by_contact[each["contact"]].append((each["to_stage"], each["model"]))
    assert by_contact[new] == [("lead", PROFILE_FIRST.ref)]
    assert {model for key in by_contact if key != new for _, model in by_contact[key]} == {B2B.ref}
    assert by_contact["c0"] == [("lead", B2B.ref), ("prospect", B2B.ref)]
    assert await stage(rig, late) == "prospect"
    snapshots = {each["contact"]: each["model"] for each in await told(rig, Topic.CONTACTS)}
    assert (snapshots["c0"], snapshots[new]) == (B2B.ref, PROFILE_FIRST.ref)
    assert lane.ended("unclean") == 0


async def test_a_stage_that_the_model_lacks_is_left_once(rig: Rig) -> None:
    await began(rig)
    asked = await activate(rig, loaded("two-stage@1"), "forward")
    await until(lambda: is_swept(rig, asked))
    await rig.settled()
    assert await stages(rig) == {"lead": CONTACTS}
    mapped = [each for each in await told(rig) if each["transition"] == "T17"]
    assert len(mapped) == CONTACTS
    assert {each["model"] for each in mapped} == {"two-stage@1"}


async def test_history_of_a_stage_that_the_model_lacks_is_folded_again(rig: Rig) -> None:
    await began(rig)
    asked = await activate(rig, loaded("two-stage@1"), "refold")
    await until(lambda: is_swept(rig, asked))
    await rig.settled()
    await proven_under(rig, load_rules("two-stage@1"))


async def test_a_model_without_a_way_out_of_a_stage_is_refused(rig: Rig) -> None:
    await began(rig)
    with pytest.raises(ModelError, match=r"no stage prospect.*map: \{prospect: lead\}"):
        await activate(rig, loaded("two-stage@1", map={}), "forward")
    assert await commands(rig) == []


async def test_sealed_evidence_is_folded_again_too(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the sweep, and before it by whatever is decided about the contact."""
    monkeypatch.setattr(evidence_log, "SECTION_STEPS", 3)
    rig.lane()
    for step in (0, 1, *[0] * 16):
        for contact in ("c0", "c1"):
            await rig.send(contact, step)
    await rig.settled()
    assert await rig.database.fetchval("SELECT count(DISTINCT contact_id) = 2 FROM contact_log")
    monkeypatch.setattr(sweep, "SWEEP_MAX_CONTACTS", 1)
    asked = await activate(rig, loaded("profile-first@1"), "refold", notice_seconds=0.5)
    while not await is_swept(rig, asked):
        await rig.send("c1", 3)
        await rig.flush()
        await asyncio.sleep(0.05)
    await rig.settled()
    await proven_under(rig, PROFILE_FIRST)


async def now_of(rig: Rig) -> int:
    at = await rig.database.fetchval("SELECT extract(epoch FROM clock_timestamp()) * 1000000")
    return int(at)


async def test_two_tenants_have_two_models_and_one_knows_its_own_types(rig: Rig) -> None:
    rig.lane()
    shipped = load_definition("profile-first@1")[0]["interactions"]
    interactions = {**shipped, "course.booked": {"class": "one_way"}}
    own = loaded("profile-first@1", interactions=interactions)
    asked = await activate(rig, own, "forward", tenant="acme", notice_seconds=60)
    assert asked.contacts == 0
    await until(lambda: is_swept(rig, asked))  # at once: it has no contacts
    for tenant in ("acme", "other"):
        await tell(rig, tenant, "booker", "course.booked", {})
        for n in range(6):
            for type_, data in JOURNEY[:2]:
                await tell(rig, tenant, f"c{n}", type_, data)
    await rig.settled()
    assert await stages(rig, "acme") == {"lead": 7}
    assert await stages(rig, "other") == {"prospect": 6}
    models = {(each["tenant"], each["model"]) for each in await told(rig)}
    assert models == {("acme", "own@1"), ("other", B2B.ref)}
    dead = await rig.database.fetch("SELECT reason FROM dead_letter")
    assert [row["reason"] for row in dead] == ["unknown_type"]


async def test_the_command_waits_until_all_are_swept_and_the_timeline_tells_it(rig: Rig) -> None:
    await ownership.record_lane(rig.database, CONTACT_LANE, rig.partitions, rig.inputs, ["a", "b"])
    await began(rig)
    asked = await activate(rig, loaded("profile-first@1"), "refold")
    await waited(rig.settings, asked)
    assert await is_swept(rig, asked)
    (row,) = await _read(rig.settings, "default")
    assert (row["model"], row["mode"], row["actor"]) == ("profile-first@1", "refold", "ops")
    assert (row["partitions"], row["swept_partitions"], row["swept_contacts"]) == (2, 2, CONTACTS)
    known = await read_contact(rig.settings, "default", "c0")
    assert (known.rules.ref, known.view.stage) == ("profile-first@1", "lead")


async def test_the_same_command_again_changes_nothing(rig: Rig) -> None:
    await began(rig)
    asked = await activate(rig, loaded("profile-first@1"), "refold")
    await until(lambda: is_swept(rig, asked))
    again = await activate(rig, loaded("profile-first@1"), "refold")
    assert not again.is_new
    command = (await commands(rig))[0]
    await rig.send_raw(command, 0, topic=Topic.COMMANDS)
    await rig.settled()
    assert await rig.database.fetchval("SELECT count(*) FROM model_timeline") == rig.partitions
    await proven_under(rig, PROFILE_FIRST)


async def test_a_model_that_is_not_stored_is_a_dead_letter(rig: Rig) -> None:
    lane = await began(rig)
    await activate(rig, loaded("profile-first@1"), "refold", tenant="acme")
    await rig.database.execute("DELETE FROM model_timeline")
    strange = json.loads((await commands(rig))[0])
    strange["id"], strange["data"]["content_hash"] = "other", "0" * 64
    await rig.send_raw(json.dumps(strange).encode(), 1, topic=Topic.COMMANDS)
    await until(lambda: rig.database.fetchval("SELECT count(*) = 1 FROM dead_letter"))
    await rig.settled()
    reason, message = (await rig.database.fetch("SELECT reason, message FROM dead_letter"))[0]
    assert reason == "rule_error"
    assert "funnel model activate" in message
    assert lane.counted("dead_letters_total", reason="rule_error") == 1


async def commands(rig: Rig) -> list[bytes]:
    from tests.failure.rig_reading import read

    return [record.value for record in await read(rig, [rig.name(Topic.COMMANDS)])]
