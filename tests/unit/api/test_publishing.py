"""What the lane would dead-letter is refused, item by item; the rest is in Kafka before the 202."""

import json
from typing import Any

import pytest

from app.domain.topics import Topic
from tests.unit.api.asking import BATCH_MAX, writing

ONE = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "https://shop.example",
    "type": "demo.requested",
    "subject": "crm-1",
    "time": "2026-03-02T09:00:00Z",
    "data": {"product_id": "analytics"},
}
WRONG = [
    ({"id": ""}, "missing_attribute", "/id"),
    ({"type": "demo.imagined"}, "unknown_type", "/type"),
    ({"type": "stage.override"}, "not_allowed_here", "/type"),
    ({"data": {}}, "schema_violation", "/data"),
    ({"data": {"product_id": 7}}, "schema_violation", "/data/product_id"),
    ({"time": "3000-01-01T00:00:00Z"}, "time_out_of_range", "/time"),
    ({"subject": "x" * 257}, "too_large", "/subject"),
    ({"tenantid": "acme"}, "not_allowed_here", "/tenantid"),
]


async def test_an_interaction_is_sent_as_it_came() -> None:
    body = json.dumps(EVENT, indent=3).encode()
    async with writing() as (client, kept):
        answer = await client.post("/v1/interactions", content=body, headers=ONE)
    assert (answer.status_code, answer.json()) == (
        202,
        {"accepted": 1, "refused": 0, "errors": []},
    )
    (record,) = kept.records
    assert record == (Topic.INTERACTIONS, "default", "crm-1", body)


@pytest.mark.parametrize(("different", "reason", "field"), WRONG)
async def test_what_the_lane_would_refuse_is_refused(
    different: dict[str, Any], reason: str, field: str
) -> None:
    async with writing() as (client, kept):
        answer = await client.post("/v1/interactions", json={**EVENT, **different}, headers=ONE)
    assert answer.status_code == 422
    told = answer.json()
    assert told["type"] == f"urn:funnel:problem:{reason}"
    assert [(each["field"], each["reason"]) for each in told["errors"]] == [(field, reason)]
    assert kept.records == []


async def test_a_command_is_told_where_to_go() -> None:
    async with writing() as (client, _):
        answer = await client.post(
            "/v1/interactions", json={**EVENT, "type": "stage.override"}, headers=ONE
        )
    assert "/v1/contacts/{id}/commands" in answer.json()["detail"]


async def test_the_sound_ones_of_a_batch_are_sent_and_the_others_told_by_index() -> None:
    batch = [EVENT, {**EVENT, "data": {}}, {**EVENT, "id": "3"}]
    async with writing() as (client, kept):
        answer = await client.post("/v1/interactions", json=batch, headers=BATCH)
    assert answer.status_code == 202
    told = answer.json()
    assert (told["accepted"], told["refused"]) == (2, 1)
    assert [(each["index"], each["field"]) for each in told["errors"]] == [(1, "/data")]
    assert [event["id"] for event in kept.events] == ["1", "3"]


async def test_a_batch_without_a_sound_one_is_refused() -> None:
    async with writing() as (client, kept):
        answer = await client.post("/v1/interactions", json=[7, {}], headers=BATCH)
    assert answer.status_code == 422
    assert [each["index"] for each in answer.json()["errors"]] == [0, 1]
    assert kept.records == []


@pytest.mark.parametrize("count", [0, BATCH_MAX + 1])
async def test_a_batch_is_bounded(count: int) -> None:
    async with writing() as (client, kept):
        answer = await client.post("/v1/interactions", json=[EVENT] * count, headers=BATCH)
    assert answer.status_code == 422
    assert f"1 to {BATCH_MAX}" in answer.json()["detail"]
    assert kept.records == []


@pytest.mark.parametrize("headers", [ONE, BATCH, {"content-type": "application/json"}])
@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 20_000, b'"x"', b"NaN", b"1e999"])
async def test_what_is_no_json_of_events_is_refused(body: bytes, headers: dict[str, str]) -> None:
    async with writing() as (client, kept):
        answer = await client.post("/v1/interactions", content=body, headers=headers)
    assert answer.status_code == 422
    assert kept.records == []


@pytest.mark.parametrize("given", ["text/plain", "", "application/xml; charset=utf-8"])
async def test_another_content_type_is_told_the_right_ones(given: str) -> None:
    async with writing() as (client, _):
        answer = await client.post(
            "/v1/interactions", content=b"{}", headers={"content-type": given}
        )
    assert answer.status_code == 415
    assert "application/cloudevents+json" in answer.json()["detail"]


async def test_a_body_above_the_limit_is_refused() -> None:
    async with writing() as (client, kept):
        answer = await client.post("/v1/interactions", content=b"x" * 65_537, headers=ONE)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:funnel:problem:too-large")
    assert kept.records == []


@pytest.mark.parametrize("given", [{}, {"tenantid": None}, {"tenantid": ""}, {"tenantid": "acme"}])
async def test_an_interaction_gets_the_tokens_tenant(given: dict[str, Any]) -> None:
    async with writing("shop-of-acme") as (client, kept):
        answer = await client.post("/v1/interactions", json={**EVENT, **given}, headers=ONE)
    assert answer.status_code == 202
    assert [
        (each.tenant, event["tenantid"])
        for each, event in zip(kept.records, kept.events, strict=True)
    ] == [("acme", "acme")]


async def test_a_tenant_hidden_behind_another_is_found() -> None:
    """Of a field that is there twice the last counts, here as in the lane."""
    body = json.dumps(EVENT)[:-1] + ', "tenantid": "acme", "tenantid": "default"}'
    async with writing("shop-of-acme") as (client, kept):
        answer = await client.post("/v1/interactions", content=body, headers=ONE)
    assert answer.status_code == 422
    assert kept.records == []
