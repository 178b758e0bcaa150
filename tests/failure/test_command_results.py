"""Results of commands are as exact as their batches, and as forgetful as an erasure."""

import json
from typing import Any

import pytest

from app.domain.topics import Topic
from app.failpoints import Failpoint
from tests.failure.conftest import Arm
from tests.failure.rig import Rig, until
from tests.failure.searching import search
from tests.failure.test_erasure import DEMO, SIGN_UP, Person, forgotten

SOURCE = "/funnel/api"


async def asks(rig: Rig, contact: str, number: int, type_: str, **data: Any) -> str:
    """A command to a contact, as the HTTP interface sends it; its id."""
    id_ = f"{number:032x}"
    partition = data.pop("partition", rig.home(contact))
    event = {
        "specversion": "1.0", "id": id_, "source": SOURCE, "type": type_, "subject": contact,
        "data": {"actor": "jo", **data},
    }  # fmt: skip
    await rig.send_raw(
        json.dumps(event).encode(), partition, topic=Topic.COMMANDS, key=contact.encode()
    )
    return id_


async def results(rig: Rig) -> list[tuple[Any, ...]]:
    rows = await rig.database.fetch(
        "SELECT state, reason, stage FROM command_result ORDER BY command_id"
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize(
    "point",
    [
        Failpoint.APPLY_BEFORE_RESULTS,
        Failpoint.APPLY_BEFORE_COMMIT,
        Failpoint.APPLY_AFTER_COMMIT,
        Failpoint.PUBLISH_BEFORE_COMMIT,
    ],
)
async def test_a_result_is_there_once_whatever_fails(rig: Rig, arm: Arm, point: Failpoint) -> None:
    contact = rig.contact_on(0)
    await asks(rig, contact, 1, "stage.override", to_stage="lead", reason="met")
    await asks(rig, contact, 2, "handoff.accepted", transition_id="t")
    arm(point)
    lane = rig.lane()
    await until(lambda: lane.ended("unclean") == 1)
    await rig.settled()
    assert await results(rig) == [
        ("accepted", None, "lead"), ("refused", "no_handoff_open", "lead"),
    ]  # fmt: skip


async def test_a_repeated_command_keeps_its_first_result(rig: Rig) -> None:
    contact = rig.contact_on(1)
    for _ in range(2):
        await asks(rig, contact, 1, "stage.override", to_stage="lead", reason="met")
    rig.lane()
    await rig.settled()
    await asks(rig, contact, 1, "stage.override", to_stage="lead", reason="met")
    await rig.settled()
    assert await results(rig) == [("accepted", None, "lead")]


async def test_a_rule_that_fails_on_one_command_leaves_the_results_of_the_others(rig: Rig) -> None:
    """They are decided once more without it."""
    contact = rig.contact_on(0)
    types = {**rig.rules.types}
    del types["owner.assigned"]
    broken = type(rig.rules)(
        **{name: getattr(rig.rules, name) for name in rig.rules.__slots__ if name != "types"},
        types=types,
    )
    await asks(rig, contact, 1, "stage.override", to_stage="lead", reason="met")
    await asks(rig, contact, 2, "owner.assigned", user="u")
    await asks(rig, contact, 3, "stage.override", to_stage="lost", reason="gone")
    rig.lane(rules=broken)
    await rig.settled()
    assert await results(rig) == [
        ("accepted", None, "lead"), ("refused", "rule_error", None), ("accepted", None, "lost"),
    ]  # fmt: skip


async def test_an_erasure_leaves_no_trace_in_results(rig: Rig) -> None:
    """Before it, in its batch, after it, off its home, as dead letters, and with ids that name
    whom they are about."""
    lane = rig.lane()
    await lane.owns(0, 1)
    person = Person(rig)
    away = 1 - rig.home(person.key)
    await person.does("demo.requested", DEMO)
    named = {"user": person.key, "actor": "jo"}
    for partition in (away, 1 - away):
        await person.does("owner.assigned", named, topic=Topic.COMMANDS, partition=partition)
        await person.does("stage.override", named, topic=Topic.COMMANDS, partition=partition)
    await rig.settled()
    assert person.key in (await search(rig.database, person.needles))["command_result"]
    await asks(rig, person.key, 1, "stage.override", to_stage="lost", reason=person.key)
    await person.asks_to_be_forgotten()
    await asks(rig, person.key, 2, "stage.override", to_stage="lead", reason="met")
    await forgotten(rig)
    for number, partition in enumerate((away, 1 - away)):
        await asks(rig, person.key, 3 + number, "owner.assigned", partition=partition)
    await person.does("newsletter.signed_up", SIGN_UP)
    await rig.settled()
    assert await search(rig.database, person.needles) == {}
    rows = await rig.database.fetch("SELECT state, reason, contact_id FROM command_result")
    assert {row["contact_id"] for row in rows} == {None}
    assert [row["reason"] for row in rows].count("erased") == 3
