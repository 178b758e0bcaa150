"""Every error is a problem that names the field and what to do, and nothing about a person."""

import asyncio

import pytest
import structlog
from litestar import get

from app.api.access import Access
from app.api.application import make_application
from app.api.describing import public
from app.api.edge import Edge
from tests.unit.api.asking import api, asking, bearer

SECRET = "ada@example.org"


@pytest.mark.parametrize(
    ("method", "path", "status", "kind", "says"),
    [
        ("GET", "/nothing", 404, "not-found", "/schema lists"),
        ("GET", f"/v1/{SECRET}", 404, "not-found", "/schema lists"),
        ("DELETE", "/v1/accounts", 405, "wrong-method", "Allow"),
        ("GET", "/v1/accounts?limit=x", 422, "wrong-field", "limit: Expected `int`"),
        ("GET", "/v1/accounts?limit=0", 422, "wrong-field", "limit: Expected `int` >= 1"),
        ("GET", "/v1/accounts?limit=501", 422, "wrong-field", "limit: Expected `int` <= 500"),
        ("GET", f"/v1/accounts?after={SECRET}", 422, "wrong-field", "after: must be the `next`"),
        ("GET", "/v1/accounts?after=AA", 422, "wrong-field", "after: must be the `next`"),
        ("GET", f"/v1/dead-letters?reason={SECRET}", 422, "wrong-field", "reason: is not valid"),
        ("GET", "/v1/contacts/c/why-not", 422, "wrong-field", "stage: is required"),
        ("GET", "/v1/contacts/%00", 404, "not-found", "no such contact"),
        ("GET", "/v1/contacts/%ff", 404, "not-found", "no such contact"),
        ("GET", f"/v1/contacts/{'x' * 257}", 404, "not-found", "no such contact"),
        ("GET", f"/v1/accounts/{'x' * 257}", 404, "not-found", "no such account"),
        ("POST", f"/v1/models/{SECRET}/lint", 404, "not-found", "no such model"),
        ("GET", f"/v1/contacts/{SECRET}", 503, "unavailable", "try again in a few seconds"),
    ],
)
async def test_error_is_a_problem(
    method: str, path: str, status: int, kind: str, says: str
) -> None:
    async with api(headers=bearer("everything")) as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["status"], told["type"]) == (status, f"urn:funnel:problem:{kind}")
    assert says in told["detail"]
    assert SECRET not in answer.text
    assert "127.0.0.1" not in answer.text
    if status == 422:
        assert told["detail"].startswith(told["errors"][0]["field"] + ": ")


async def test_what_is_away_says_when_to_ask_again() -> None:
    async with api(headers=bearer("everything")) as client:
        answer = await client.get("/v1/accounts")
    assert answer.headers["retry-after"] == "5"


async def test_a_bug_is_told_by_its_reference_only() -> None:
    @get("/broken", **public("Operations"))
    async def broken() -> None:
        raise ValueError(SECRET)

    app = make_application(
        [broken], [], Access({}, None, is_open=False), parts={}, version="1", request_max_bytes=9
    )
    with structlog.testing.capture_logs() as logged:
        async with asking(app) as client:
            answer = await client.get("/v1/broken")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert SECRET not in answer.text
    (line,) = logged
    assert (line["error"], line["reference"]) == ("ValueError", answer.json()["instance"])
    assert "in broken" in line["frames"]
    assert SECRET not in str(line)


async def test_a_request_that_takes_too_long_is_a_problem() -> None:
    @get("/slow", **public("Operations"))
    async def slow() -> None:
        await asyncio.Event().wait()

    access = Access({}, None, is_open=False)
    inner = make_application([slow], [], access, parts={}, version="1", request_max_bytes=9)
    async with asking(Edge(inner, request_timeout_seconds=0.01)) as client:
        answer = await client.get("/v1/slow")
    assert (answer.status_code, answer.json()["type"]) == (504, "urn:funnel:problem:too-slow")


async def test_every_answer_is_kept_by_nobody_and_guessed_by_no_browser() -> None:
    async with api() as client:
        for path in ("/livez", "/nothing", "/v1/accounts"):
            headers = (await client.get(path)).headers
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in headers["content-security-policy"]
