"""What may be subscribed to, as the API tells it before anything is stored."""

from typing import Any

import pytest

from tests.unit.api.asking import api, bearer, settings

GOOD = {"url": "https://crm.example/hook"}
PATH = "/v1/webhooks"


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({}, "", "required field `url`"),
        ({"url": 7}, "/url", "Expected `str`"),
        ({"url": "http://crm.example/"}, "/url", "https://"),
        ({"url": "https://jo:x@crm.example/"}, "/url", "password"),
        ({"url": "https://169.254.169.254/latest"}, "/url", "public"),
        ({**GOOD, "types": ["funnel.contact.unheard_of.v1"]}, "/types/0", "/schema"),
        ({**GOOD, "filters": {"stage": []}}, "/filters/stage", "length >= 1"),
        ({**GOOD, "filters": {"salary": ["high"]}}, "/filters", "/schema"),
        ({**GOOD, "secret": "whsec_mine"}, "", "/schema"),
        ({**GOOD, "description": "\x00"}, "/description", "matching"),
        ([], "", "Expected `object`"),
    ],
)
async def test_what_is_wrong_is_told_by_its_field(body: Any, field: str, says: str) -> None:
    async with api(headers=bearer("everything")) as client:
        answer = await client.post(PATH, json=body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert says in error["detail"]


async def test_a_body_of_another_type_is_refused() -> None:
    async with api(headers=bearer("everything")) as client:
        answer = await client.post(PATH, content=b"url=x", headers={"content-type": "text/plain"})
    assert answer.status_code == 415


@pytest.mark.parametrize("webhook_id", ["x", "F" * 32, "0" * 31, "..%2f"])
async def test_an_id_that_none_can_have_is_not_found(webhook_id: str) -> None:
    async with api(headers=bearer("everything")) as client:
        answer = await client.get(f"{PATH}/{webhook_id}")
    assert answer.status_code == 404


async def test_reading_needs_the_scope_too() -> None:
    async with api(settings(), headers=bearer("reader")) as client:
        assert (await client.get(PATH)).status_code == 403


async def test_the_database_away_is_a_problem_not_a_bug() -> None:
    async with api(headers=bearer("everything")) as client:
        assert (await client.post(PATH, json=GOOD)).status_code == 503
