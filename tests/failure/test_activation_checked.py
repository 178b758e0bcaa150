"""What an activation left behind: nobody would be elsewhere under the models in force, and what is
stored is what the interactions say."""

from typing import Any

import pytest

from app.cli import replay as replay_command
from app.domain import evidence_log
from app.domain.timestamps import format_rfc3339
from app.domain.topics import CONTACT_LANE
from app.models import load_definition
from app.models.stored import plain
from app.runtime.what_if.simulate import simulate
from app.storage import ownership
from tests.failure.rig import Rig, until
from tests.failure.test_activation import (
    CONTACTS,
    activate,
    began,
    is_swept,
    loaded,
    now_of,
    tell,
)

B2B, _ = load_definition("b2b-default@1")


async def simulated(rig: Rig, candidate: dict[str, Any], tenant: str | None = None) -> Any:
    return await simulate(rig.settings.database, CONTACT_LANE, B2B, candidate, tenant=tenant)


async def agrees(rig: Rig, name: str, candidate: dict[str, Any]) -> None:
    """The model in force moves nobody; replay finds no difference."""
    report = await simulated(rig, candidate, "default")
    assert (report.current, report.movers, report.same_stage_other_history) == (name, 0, 0)
    assert report.contacts >= CONTACTS
    assert all(row.current == row.candidate for row in report.transitions)
    replayed = await replay_command._replay(rig.settings, None, None, None, False)
    assert (replayed.differences, replayed.problems, replayed.behind) == ([], [], 0)
    assert replayed.contacts >= CONTACTS


@pytest.fixture
async def lane(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Some evidence is sealed."""
    monkeypatch.setattr(evidence_log, "SECTION_STEPS", 3)
    await ownership.record_lane(rig.database, CONTACT_LANE, rig.partitions, rig.inputs, ["a", "b"])
    await began(rig)
    for contact in ("c0", "c1"):
        for _ in range(8):
            await rig.send(contact, 0)
    await rig.settled()
    return rig


async def activated(rig: Rig, mode: Any, name: str) -> None:
    """And then some go on, some are new, and somebody comes late."""
    late, before = rig.contact_on(0, CONTACTS), format_rfc3339(await now_of(rig))
    asked = await activate(rig, loaded(name), mode)
    await until(lambda: is_swept(rig, asked))
    for contact in ("c0", "c2", rig.contact_on(1, CONTACTS)):
        for step in (0, 1, 3):
            await rig.send(contact, step)
    for step in (0, 1):
        await rig.send(late, step, at=before)
        await rig.send("c1", step, at=before)
    await rig.settled()


@pytest.mark.parametrize("mode", ["forward", "refold"])
@pytest.mark.parametrize("name", ["profile-first@1", "two-stage@1"])
async def test_after_an_activation_the_model_in_force_moves_nobody_and_replay_equals_live(
    lane: Rig, mode: str, name: str
) -> None:
    await activated(lane, mode, name)
    await agrees(lane, name, load_definition(name)[0])


async def test_after_several_activations_replay_equals_live(lane: Rig) -> None:
    for mode, name in (
        ("forward", "profile-first@1"), ("refold", "two-stage@1"), ("forward", "b2b-default@1"),
    ):  # fmt: skip
        await activated(lane, mode, name)
    await agrees(lane, "b2b-default@1", B2B)


async def test_each_tenant_is_simulated_and_replayed_under_its_own_models(lane: Rig) -> None:
    shipped = load_definition("profile-first@1")[0]["interactions"]
    own = loaded("profile-first@1", interactions={**shipped, "course.booked": {"class": "two_way"}})
    asked = await activate(lane, own, "forward", tenant="acme", notice_seconds=60)
    await until(lambda: is_swept(lane, asked))
    for n in range(6):
        await tell(lane, "acme", f"c{n}", "course.booked", {})
    await lane.settled()
    await agrees(lane, "b2b-default@1", B2B)
    everybody = await simulated(lane, plain(own.definition))
    assert everybody.current == "b2b-default@1, own@1"
    assert {each.tenant for each in everybody.samples} == {"default"}
    assert {(each.now, each.then) for each in everybody.pairs} == {("prospect", "lead")}
    acme = await simulated(lane, B2B, "acme")
    assert (acme.current, acme.contacts, acme.movers) == ("own@1", 6, 6)
