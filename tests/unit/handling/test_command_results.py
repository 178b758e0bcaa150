"""Which records are people's commands: on the commands topic, from no lane, with an actor."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from app.domain.interaction import Interaction
from app.handling.command_results import COMMANDS, asker_in, asker_of, command_id_of
from app.handling.records import Headers, SourceRecord

ITEM = Interaction(
    tenant="acme", contact_id="c", source="/funnel/api", id="0" * 32, type="stage.override",
    time=5, arrived_at=7000, data={"actor": "jo"},
)  # fmt: skip
FORWARDED = "funnel-forwarded"


def record(item: Interaction = ITEM, *, topic: int = COMMANDS, headers: Headers = ()) -> Any:
    event = {
        "id": item.id, "source": item.source, "type": item.type, "subject": item.contact_id,
        "tenantid": item.tenant, "data": item.data,
    }  # fmt: skip
    return SourceRecord(topic, 0, 0, 7, None, json.dumps(event).encode(), headers)


def test_a_command_is_a_persons() -> None:
    asker = asker_of(record(), ITEM)
    assert asker is not None
    assert (asker.tenant, asker.command_id, asker.contact_id) == ("acme", ITEM.id, "c")
    assert (asker.actor, asker.received_at) == ("jo", 7000)
    assert asker_in(record()) == asker


@pytest.mark.parametrize(
    ("item", "topic", "headers"),
    [
        (replace(ITEM, data={}), COMMANDS, []),
        (replace(ITEM, data={"actor": 7}), COMMANDS, []),
        (replace(ITEM, source="/funnel"), COMMANDS, []),
        (ITEM, 1 - COMMANDS, []),
        (ITEM, COMMANDS, [(FORWARDED, b"funnel.interactions.v1:0:1:2")]),
        (ITEM, COMMANDS, [(FORWARDED, b"nonsense")]),
    ],
    ids=["no actor", "no name", "a lane", "another topic", "forwarded", "no lane's header"],
)
def test_anything_else_is_nobodys(item: Interaction, topic: int, headers: Headers) -> None:
    assert asker_of(record(item, topic=topic, headers=headers), item) is None
    assert asker_in(record(item, topic=topic, headers=headers)) is None


def test_a_command_that_came_home_by_way_of_another_partition_is_one() -> None:
    headers = [(FORWARDED, b"funnel.commands.v1:3:1:2")]
    assert asker_of(record(headers=headers), ITEM) is not None


def test_a_long_name_is_cut_so_that_an_index_can_hold_it() -> None:
    item = replace(ITEM, data={"actor": "x" * 8000})
    asker = asker_of(record(item), item)
    assert asker is not None
    assert len(asker.actor) == 256


@pytest.mark.parametrize("id_", ["0" * 32, "2f1c0d9e-8a53-4c39-9f0a-0d7c7a1b2c3d"])
def test_ids_that_say_nothing_stand_as_they_are(id_: str) -> None:
    assert command_id_of("/funnel/cli", id_) == id_


@pytest.mark.parametrize("id_", ["crm-1/override/7", "ADA@example.org", "x" * 256])
def test_any_other_id_is_hashed_with_its_source(id_: str) -> None:
    hashed = command_id_of("/crm", id_)
    assert len(hashed) == 32
    assert hashed == command_id_of("/crm", id_) != command_id_of("/other", id_)
