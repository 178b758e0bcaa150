"""A payload's outline tells where it is wrong, and nothing of what it says."""

import json
from typing import Any

import pytest

from app.inbound.outline import BREADTH_MAX, outline


def of(value: Any) -> Any:
    return outline(json.dumps(value).encode())


def test_names_that_a_schema_knows_stand_with_the_kind_of_their_value() -> None:
    data = {"product_id": 7, "consent": True, "fields": {"email": "ada@example.org"}}
    assert of({"type": "demo.requested", "time": None, "data": data}) == {
        "type": "string",
        "time": "null",
        "data": {"product_id": "number", "consent": "boolean", "fields": {"email": "string"}},
    }


def test_other_names_are_stars() -> None:
    told = of({"data": {"Ada Lovelace": 1, "her mother": [1.5, "x"], "product_id": "a"}})
    assert told == {"data": {"*": "number", "**": ["number", "string"], "product_id": "string"}}
    assert "Ada" not in json.dumps(told)


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b"[" * 100_000], ids=str)
def test_what_is_no_json_has_none(value: bytes | None) -> None:
    assert outline(value) is None


def test_it_is_bounded() -> None:
    deep: Any = "x"
    for _ in range(60):
        deep = {"data": [deep]}
    assert len(json.dumps(of(deep))) < 200
    assert len(of(list(range(1000)))) == BREADTH_MAX
    assert len(of({str(n): n for n in range(1000)})) == BREADTH_MAX
