"""`model.activated` is a command to a partition: it has no home and is no type of a model."""

from typing import Any

import pytest

from app.domain.interaction import Interaction
from app.domain.reasons import Reason
from app.domain.topics import CONTACT_LANE_INPUTS
from app.errors import Poison
from app.handling.known_types import Known
from app.handling.origin import FORWARDED
from app.handling.records import Activation
from app.inbound.decoding import make_decoder
from app.settings import Limits
from tests.unit.inbound.events import COMMANDS, Type, Types, decoder, event, structured

HASH = "a" * 64
DATA = {
    "model": "profile-first@1",
    "content_hash": HASH,
    "mode": "refold",
    "active_from": "2026-03-02T09:15:05Z",
    "actor": "ops",
}

BAD = {**DATA, "mode": "back"}


def command(**changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"type": "model.activated", "subject": "model/profile-first@1"}
    return event(**{**usual, "data": DATA, "tenantid": "acme", **changes})


@pytest.mark.parametrize("partition", range(4))
def test_it_counts_where_it_stands(partition: int) -> None:
    decoded = decoder(partitions=4)(structured(command(), topic=COMMANDS, partition=partition))
    assert decoded == Activation(
        "acme", "e-1", "profile-first@1", HASH, "refold", 1_772_442_905_000_000, "ops"
    )


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (structured(command()), Reason.NOT_ALLOWED_HERE),
        (
            structured(command(data=BAD), topic=COMMANDS),
            Reason.SCHEMA_VIOLATION,
        ),
        (structured(command(tenantid="a/b"), topic=COMMANDS), Reason.SCHEMA_VIOLATION),
        (structured(command(data=None), topic=COMMANDS), Reason.SCHEMA_VIOLATION),
    ],
    ids=["from strangers", "its data", "its tenant", "no data"],
)
def test_a_bad_one_is_a_dead_letter(record: Any, reason: Reason) -> None:
    decoded = decoder()(record)
    assert isinstance(decoded, Poison)
    assert decoded.reason == reason


@pytest.mark.parametrize("origin", ["funnel.commands.v1:1:5:0", "funnel.interactions.v1:1:5:0"])
def test_it_is_never_forwarded(origin: str) -> None:
    record = structured(command(), topic=COMMANDS)
    record = record._replace(headers=[*record.headers, (FORWARDED, origin.encode())])
    decoded = decoder()(record)
    assert isinstance(decoded, Poison)
    assert decoded.reason == Reason.NOT_ALLOWED_HERE


def test_a_tenant_has_the_types_of_its_own_model() -> None:
    tenants: dict[str, Any] = {}
    decode = make_decoder(
        Types({"demo.requested": Type()}), Limits(), CONTACT_LANE_INPUTS, 1, tenants=tenants
    )

    def outcome(type_: str, tenant: str | None) -> type | str:
        decoded = decode(structured(event(type=type_, tenantid=tenant, data={"product_id": "x"})))
        return decoded.reason if isinstance(decoded, Poison) else type(decoded)

    assert outcome("course.booked", "acme") == Reason.UNKNOWN_TYPE
    tenants["acme"] = Known({"course.booked": Type()}, False)  # type: ignore[dict-item]
    assert outcome("course.booked", "acme") is Interaction
    assert outcome("demo.requested", "acme") == Reason.UNKNOWN_TYPE
    for other in ("else", None):
        assert outcome("course.booked", other) == Reason.UNKNOWN_TYPE
        assert outcome("demo.requested", other) is Interaction
    tenants["acme"] = Known({}, True)
    assert outcome("anything.else", "acme") is Interaction
    tenants["default"] = Known({"course.booked": Type()}, False)  # type: ignore[dict-item]
    assert outcome("course.booked", None) is Interaction
