"""Faults that ``make fuzz`` found, once each."""

from typing import Any

import pytest

from app.api.problems import Problem
from app.api.redrive_body import redrive_of
from tests.unit.api.asking import api, bearer, settings, writing

EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "/shop",
    "type": "demo.requested",
    "subject": "crm-1",
    "data": {"product_id": "x"},
}
CALL = {"direction": "outbound", "duration_s": 240, "outcome": "connected"}


@pytest.mark.parametrize(("action", "status"), [("lint", 200), ("simulate", 202)])
async def test_a_models_name_may_be_percent_encoded(action: str, status: int) -> None:
    """Most clients encode the @ of a path's part."""
    async with api(headers=bearer("everything")) as client:
        answer = await client.post(f"/v1/models/strict%401/{action}")
    assert (answer.status_code, answer.json()["model"]) == (status, "strict@1")


@pytest.mark.parametrize("name", ["time", "tenantid", "ingestmode", "automated", "channel"])
async def test_null_is_the_same_as_left_out_and_described_so(name: str) -> None:
    async with writing() as (client, kept):
        answer = await client.post("/v1/interactions", json={**EVENT, name: None})
        described = (await client.get("/schema")).json()
    assert (answer.status_code, len(kept.records)) == (202, 1)
    body = described["paths"]["/v1/interactions"]["post"]["requestBody"]["content"]
    schema = body["application/json"]["schema"]["properties"][name]
    assert "null" in schema.get("type", ()) or None in schema["enum"]


@pytest.mark.parametrize("text", ["100", "100.0", "1e2"])
def test_a_whole_number_may_be_written_as_json_allows(text: str) -> None:
    assert redrive_of(f'{{"type": "x", "limit": {text}}}'.encode()).limit == 100


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"type": "x", "limit": 1.5}', "/limit"),
        (b'{"type": "x", "limit": 0}', "/limit"),
        (b'{"topic": "\\u0000"}', "/topic"),
    ],
)
def test_what_is_wrong_about_a_redrive_is_told_by_its_field(body: bytes, field: str) -> None:
    with pytest.raises(Problem) as refused:
        redrive_of(body)
    assert [each.field for each in refused.value.details.errors] == [field]


async def test_a_problem_without_a_field_does_not_begin_with_a_colon() -> None:
    body: dict[str, Any] = {"command": "log_call", "data": {**CALL, "note": "\0"}}
    async with writing() as (client, _):
        answer = await client.post(
            "/v1/contacts/crm-1/commands", json=body, headers={"idempotency-key": "k"}
        )
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("a string holds U+0000")


@pytest.mark.parametrize("host", ["[", "[::1", "[::1]:x", "localhost:99999999", ":x"])
@pytest.mark.parametrize("path", ["/v1/models", "/livez", "/sign-in", "/nothing"])
async def test_a_host_that_is_none_is_refused(host: str, path: str) -> None:
    async with api(settings(access="open")) as client:
        answer = await client.get(path, headers={"host": host})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:funnel:problem:wrong-host")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8081", "[::1]", "[::1]:80", "LOCALHOST"])
async def test_a_host_that_is_one_is_not(host: str) -> None:
    async with api(settings(access="open")) as client:
        assert (await client.get("/livez", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "http://x]y"])
async def test_a_form_from_what_is_no_address_is_foreign(origin: str) -> None:
    async with api() as client:
        answer = await client.post("/sign-in", data={"token": "x"}, headers={"origin": origin})
    assert answer.status_code == 403


async def test_answers_that_bring_headers_say_which() -> None:
    async with api() as client:
        described = (await client.get("/schema")).json()["paths"]
    command = described["/v1/contacts/{contact_id}/commands"]["post"]["responses"]
    assert command["202"]["headers"]["Location"]["required"]
    assert not command["202"]["headers"]["Preference-Applied"]["required"]
    assert command["401"]["headers"]["WWW-Authenticate"]["required"]
    simulate = described["/v1/models/{model}/simulate"]["post"]["responses"]
    assert simulate["429"]["headers"]["Retry-After"]["required"]
