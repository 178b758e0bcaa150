"""What a demo counts, and when it says that all adds up."""

import json
from collections import Counter

import pytest
from aiokafka import ConsumerRecord

from app.cli.demo_contacts import Contacts
from app.cli.demo_heard import Heard, from_a_lane
from app.cli.demo_report import adds_up
from app.cli.watching import Figures
from app.simulation.traffic import Traffic, traffic

PAST = traffic(seed=1, contacts=20, now=1_790_000_000_000_000)
SENT = len(PAST.deliveries) + len(PAST.desk)


def snapshot(stage: str, temperature: str = "cold", linked_to: str | None = None) -> bytes:
    data = {"stage": stage, "temperature": temperature, "linked_to": linked_to, "seq": 1}
    return json.dumps(data).encode()


def test_the_last_snapshot_of_a_contact_counts() -> None:
    contacts = Contacts()
    contacts.take(b"a", snapshot("lead"))
    contacts.take(b"b", snapshot("lead", "warm"))
    contacts.take(b"a", snapshot("prospect", "hot"))
    assert contacts.by_stage() == {"lead": {"warm": 1}, "prospect": {"hot": 1}}


def test_a_linked_identity_is_not_counted_twice() -> None:
    contacts = Contacts()
    contacts.take(b"a", snapshot("lead"))
    contacts.take(b"visitor", snapshot("lead", linked_to="a"))
    contacts.take(b"nowhere", snapshot("none"))
    assert contacts.by_stage() == {"lead": {"cold": 1}}


def test_the_erased_have_no_temperature() -> None:
    contacts = Contacts()
    contacts.take(b"a", snapshot("lead", "hot"))
    contacts.take(b"a", None)
    assert contacts.by_stage() == {"erased": {"": 1}}


def record(value: bytes | None, *headers: tuple[str, bytes]) -> "ConsumerRecord[bytes, bytes]":
    return ConsumerRecord("t", 0, 0, 0, 0, None, value, None, 0, 0, headers)


COMMAND = json.dumps({"source": "/funnel", "type": "identity.evidence"}).encode()
OF_SALES = json.dumps({"source": "https://crm.example", "type": "event.retracted"}).encode()


@pytest.mark.parametrize(
    ("sent", "is_so"),
    [
        (record(COMMAND, ("content-type", b"application/cloudevents+json")), True),
        (record(OF_SALES), False),
        (record(COMMAND, ("funnel-forwarded", b"t:0:1:2")), False),
        (record(b'{"binary": 1}', ("ce_source", b"https://crm.example")), False),
        (record(None), False),
    ],
)
def test_what_lanes_tell_each_other_is_known(
    sent: "ConsumerRecord[bytes, bytes]", is_so: bool
) -> None:
    assert from_a_lane(sent) is is_so


def figures(handled: dict[str, int], sent: int = SENT) -> Figures:
    return Figures(sent, SENT, handled, {}, 0, 0.0)


def found(past: Traffic, handled: dict[str, int], between: int = 0, sent: int = SENT) -> bool:
    return adds_up(figures(handled, sent), past, Heard(Counter(), [], between))


def handled(more: int = 0, dead: int = PAST.poison) -> dict[str, int]:
    return {"applied": SENT - dead + more, "dead_letter": dead}


@pytest.mark.parametrize(
    ("of", "between", "sent", "is_so"),
    [
        (handled(), 0, SENT, True),
        (handled() | {"forwarded": 9}, 0, SENT, True),
        (handled(more=4), 4, SENT, True),
        (handled(more=-1), 0, SENT, False),
        (handled(more=1), 0, SENT, False),
        (handled(dead=PAST.poison + 1), 0, SENT, False),
        (handled(more=-1), 0, SENT - 1, False),
    ],
    ids=["all", "forwarded", "told_between_lanes", "lost", "repeated", "dead", "not_sent"],
)
def test_sent_is_handled(of: dict[str, int], between: int, sent: int, is_so: bool) -> None:
    assert found(PAST, of, between, sent) is is_so
