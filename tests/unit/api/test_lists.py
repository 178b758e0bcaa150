"""Lists and counts: what is asked wrongly is told before anything is read."""

from typing import Any

import pytest

from tests.unit.api.asking import api, bearer


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/contacts?sort=name", "sort"),
        ("/v1/contacts?temperature=tepid", "temperature"),
        ("/v1/contacts?limit=0", "limit"),
        ("/v1/contacts?limit=501", "limit"),
        ("/v1/contacts?text=", "text"),
        ("/v1/contacts?owner=%00", "owner"),
        ("/v1/contacts?channel=" + "x" * 257, "channel"),
        ("/v1/funnel/summary?by=hour", "by"),
        ("/v1/funnel/summary?by=day&channel=web", "by"),
        ("/v1/funnel/summary?since=2026-02-30", "since"),
        ("/v1/funnel/summary?until=yesterday", "until"),
        ("/v1/funnel/summary?until=1999-01-01", "until"),
        ("/v1/funnel/summary?since=2026-03-02&until=2026-03-01", "since"),
        ("/v1/funnel/summary?since=2020-01-01&until=2026-03-01", "since"),
        ("/v1/funnel/summary?since=2025-01-01&until=2026-03-01&by=day", "since"),
        ("/v1/funnel/summary?since=2025-01-01&until=2026-03-01&by=channel", "since"),
    ],
)
async def test_a_wrong_parameter_is_named(path: str, field: str) -> None:
    async with api(headers=bearer("reader")) as client:
        answer = await client.get(path)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("path", ["/v1/contacts", "/v1/funnel/summary", "/v1/funnel/forecast"])
async def test_lists_are_for_readers_and_say_when_the_database_is_away(path: str) -> None:
    async with api() as client:
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers=bearer("sales"))).status_code == 403
        for accept in ("application/json", "text/csv"):
            headers = {**bearer("reader"), "accept": accept}
            answer = await client.get(path, headers=headers)
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"


async def test_tables_are_described() -> None:
    async with api() as client:
        paths: Any = (await client.get("/schema")).json()["paths"]
    for path in ("/v1/contacts", "/v1/funnel/summary", "/v1/funnel/forecast"):
        content = paths[path]["get"]["responses"]["200"]["content"]
        assert set(content) == {"application/json", "text/csv"}
        assert content["application/json"]["schema"]["$ref"].startswith("#/components/schemas/")
