"""What a record says of itself is read as far as it can be; what no key can hold is left out."""

import json
from typing import Any

import pytest

from app.handling.claims import Claims, claims_of

EVENT = {
    "type": "stage.override", "source": "/funnel/api", "id": "e", "tenantid": "acme",
    "subject": "c", "data": {"actor": "jo"},
}  # fmt: skip
ALL = Claims("stage.override", "/funnel/api", "e", "acme", "c", "jo")


def test_both_modes_are_read() -> None:
    assert claims_of(json.dumps(EVENT).encode(), []) == ALL
    attributes = {f"ce_{name}": text for name, text in EVENT.items() if name != "data"}
    headers = [(name, str(text).encode()) for name, text in attributes.items()]
    assert claims_of(b'{"actor": "jo"}', headers) == ALL


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"\xff", b"7", b"[" * 100_000], ids=str)
def test_what_can_not_be_read_claims_nothing(value: bytes | None) -> None:
    assert claims_of(value, [("x", None), ("ce_type", None)]) == Claims()


@pytest.mark.parametrize("wrong", ["", 7, None, ["x"], "a\0b", "x" * 257])
@pytest.mark.parametrize("name", ["type", "source", "id", "tenantid", "subject"])
def test_what_no_key_can_hold_is_left_out(name: str, wrong: Any) -> None:
    found = claims_of(json.dumps({**EVENT, name: wrong}).encode(), [])
    left = {"tenantid": "tenant", "subject": "contact_id"}.get(name, name)
    assert getattr(found, left) is None
    assert found.actor == "jo"


@pytest.mark.parametrize("data", [None, "x", [], {"actor": 7}, {"actor": "x" * 257}])
def test_an_actor_is_a_short_text_of_the_data(data: Any) -> None:
    assert claims_of(json.dumps({**EVENT, "data": data}).encode(), []).actor is None
