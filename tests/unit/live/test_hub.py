"""Who hears what, and where each stands afterwards."""

import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge

from app.live import frames
from app.live.client import Client, Wanted
from app.live.event import LiveEvent
from app.live.frames import Reason
from app.live.hub import Hub
from app.live.position import Position
from tests.unit.live.told import batch, event, nowhere


@pytest.fixture
def ended() -> list[Reason]:
    return []


@pytest.fixture
def hub(ended: list[Reason]) -> Hub:
    gauge = Gauge("clients", "", registry=CollectorRegistry())
    made = Hub(gauge, ended.append, clients_max=3, queue_max_events=3)
    made.begin(nowhere())
    return made


def joined(hub: Hub, **wanted: Any) -> Client:
    client = hub.join(Wanted(**{"tenant": "default", **wanted}))
    assert client is not None
    return client


async def heard(client: Client) -> list[tuple[str | None, Any]]:
    """(position, data) of each event."""
    found: list[tuple[str | None, Any]] = []
    for block in (await client.next(0.01)).decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((fields.get("id"), json.loads(fields["data"])))
    return found


async def test_the_last_event_of_a_batch_stands_after_it_those_before_do_not(hub: Hub) -> None:
    client, before = joined(hub), hub.position.text.decode()
    hub.deliver([batch(1, event("a"), event("b"))])
    (first, one), (second, two) = await heard(client)
    assert (one["subject"], first) == ("a", before)
    assert (two["subject"], second) == ("b", hub.position.text.decode())
    position = Position.parse(second or "")
    assert position is not None
    assert position.at(0, 0) == 1


async def test_a_pause_is_told_and_who_comes_then_waits_until_it_begins(
    hub: Hub, ended: list[Reason]
) -> None:
    client = joined(hub)
    hub.pause(Reason.UNAVAILABLE)
    hub.pause(Reason.UNAVAILABLE)
    assert ended == [Reason.UNAVAILABLE]
    assert await heard(client) == [
        (None, {"reason": "unavailable", "detail": frames.DETAILS[Reason.UNAVAILABLE]})
    ]
    later = joined(hub)
    hub.deliver([batch(1, event())])  # was on its way
    assert later.begins_at is None
    assert not hub.began.is_set()
    hub.begin(nowhere())
    hub.deliver([batch(1, event())])
    assert len(await heard(later)) == 1


async def test_a_batch_is_told_once(hub: Hub) -> None:
    client = joined(hub)
    for _ in range(2):
        hub.deliver([batch(1, event())])
    assert len(await heard(client)) == 1


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 1),
        ({"tenant": "acme"}, 0),
        ({"types": frozenset({"funnel.contact.stage_changed.v1"})}, 1),
        ({"types": frozenset({"funnel.contact.sla_breached.v1"})}, 0),
        ({"stages": frozenset({"lead", "customer"})}, 1),
        ({"stages": frozenset({"prospect"})}, 0),
        ({"owner_teams": frozenset({"marketing"})}, 1),
        ({"owner_teams": frozenset({"sales"})}, 0),
    ],
)
async def test_each_hears_what_it_wants(hub: Hub, wanted: dict[str, Any], count: int) -> None:
    client = joined(hub, **wanted)
    hub.deliver([batch(1, event())])
    assert len(await heard(client)) == count


async def test_an_event_is_encoded_once_for_all(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies: list[LiveEvent] = []
    original = LiveEvent.body

    def body(told: LiveEvent) -> bytes:
        bodies.append(told)
        return original(told)

    monkeypatch.setattr(LiveEvent, "body", body)
    clients = [joined(hub) for _ in range(3)]
    hub.deliver([batch(1, event())])
    assert [len(await heard(each)) for each in clients] == [1, 1, 1]
    assert len(bodies) == 1
    for each in clients:
        hub.leave(each)
    hub.deliver([batch(2, event())])
    assert len(bodies) == 1  # nobody listens


async def test_who_is_too_slow_is_dropped_and_the_others_are_not(
    hub: Hub, ended: list[Reason]
) -> None:
    slow, quick = joined(hub), joined(hub)
    for seq in (1, 2, 3, 4):
        hub.deliver([batch(seq, event())])
        await heard(quick)
    assert (slow.is_ended, quick.is_ended, ended) == (True, False, [Reason.TOO_SLOW])
    assert [data["reason"] for _, data in await heard(slow)] == ["too_slow"]
    assert slow.is_done


async def test_a_failure_ends_all_and_what_they_missed_lies_behind(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = joined(hub)
    monkeypatch.setattr(frames, "event", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        hub.deliver([batch(1, event()), batch(1, event(), partition=1)])
    assert client.is_ended
    assert (hub.position.at(0, 0), hub.position.at(0, 1)) == (1, 1)


async def test_who_listened_at_a_new_beginning_asks_again(hub: Hub, ended: list[Reason]) -> None:
    client = joined(hub)
    hub.begin(nowhere())
    assert (client.is_ended, ended) == (True, [Reason.RESTARTED])


async def test_a_closed_one_ends_who_comes(hub: Hub) -> None:
    hub.close()
    client = joined(hub)
    assert [data["reason"] for _, data in await heard(client)] == ["stopping"]


async def test_there_are_only_so_many(hub: Hub) -> None:
    clients = [joined(hub) for _ in range(3)]
    assert hub.join(Wanted("default")) is None
    hub.leave(clients[0])
    hub.leave(clients[0])
    assert hub.join(Wanted("default")) is not None
    assert hub.join(Wanted("default")) is None
