"""Denied by default; the tenant and the name come from the token."""

import json
import re
from functools import cache
from typing import Any

import pytest
from litestar import get
from litestar.di import NamedDependency as Given

from app.api.access import Access
from app.api.application import make_application
from app.api.describing import needs
from app.api.principal import NEEDS, PUBLIC, Principal, Scope
from app.api.tokens import read_tokens
from app.bootstrap_api import ROUTES, build_api
from app.errors import SettingsError
from app.telemetry.metrics import Metrics
from tests.unit.api.asking import TOKENS, api, asking, bearer, settings, stored_token, writing

PUBLIC_PATHS = ("/livez", "/readyz", "/healthz", "/metrics", "/schema", "/schema/openapi.json")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.handler_name))
def test_every_route_below_v1_names_a_scope(route: Any) -> None:
    assert isinstance(route.opt.get(NEEDS), Scope)
    assert PUBLIC not in route.opt


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.handler_name))
async def test_every_route_below_v1_refuses_strangers_and_those_without_its_scope(
    route: Any,
) -> None:
    (method,), (path,), scope = route.http_methods, route.paths, route.opt[NEEDS]
    path = "/v1" + re.sub(r"{\w+:(str|int)}", "1", path)
    async with asking(_where_each_token_lacks_a_scope()) as client:
        stranger = await client.request(method, path)
        unknown = await client.request(method, path, headers=bearer("everything"))
        unscoped = await client.request(method, path, headers=bearer(f"all but {scope}"))
    assert stranger.status_code == 401
    assert stranger.headers["www-authenticate"] == "Bearer"
    assert unknown.status_code == 401
    assert unknown.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert unscoped.status_code == 403
    assert scope in unscoped.json()["detail"]
    assert f'scope="{scope}"' in unscoped.headers["www-authenticate"]


@cache
def _where_each_token_lacks_a_scope() -> Any:
    """Made once: nothing gets past its guard."""
    tokens = [
        stored_token(f"all but {scope}", [one for one in Scope if one != scope]) for scope in Scope
    ]
    return build_api(settings(tokens=json.dumps(tokens)), Metrics()).application


@pytest.mark.parametrize("path", PUBLIC_PATHS)
async def test_probes_and_the_schema_are_for_everybody(path: str) -> None:
    async with api() as client:
        assert (await client.get(path)).status_code in (200, 503)


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic ZXZlcnl0aGluZw==", "everything", "Bearer " + "x" * 9000]
)
async def test_a_header_that_is_no_bearer_token_is_refused(header: str) -> None:
    async with api(headers={"authorization": header}) as client:
        answer = await client.get("/v1/models/b2b-default@1")
    assert answer.status_code == 401


async def test_a_route_that_names_no_scope_is_for_nobody() -> None:
    @get("/forgotten")
    async def forgotten() -> None: ...

    app = make_application(
        [forgotten], [], Access({}, None, is_open=True), parts={}, version="1", request_max_bytes=9
    )
    async with asking(app) as client:
        assert (await client.get("/v1/forgotten")).status_code == 403


async def test_the_body_of_a_stranger_is_not_read() -> None:
    async def endless() -> Any:
        raise AssertionError("it was read")
        yield b""

    async with api() as client:
        answer = await client.post("/v1/interactions", content=endless())
    assert answer.status_code == 401


class Verifier:
    """Of an issuer whose tokens all say the same."""

    async def principal(self, token: str) -> Principal:
        return Principal("acme", frozenset({Scope.MODELS_WRITE}), token)


@pytest.mark.parametrize(("token", "status"), [("a.b.c", 200), ("reader", 403), ("a.b", 401)])
async def test_a_jwt_is_asked_about_where_no_static_token_is_it(token: str, status: int) -> None:
    @get("/mine", **needs(Scope.MODELS_WRITE, "Models"))
    async def mine(principal: Given[Principal]) -> str:
        return principal.actor

    access = Access(read_tokens(TOKENS), Verifier(), is_open=False)
    app = make_application([mine], [], access, parts={}, version="1", request_max_bytes=9)
    async with asking(app, bearer(token)) as client:
        answer = await client.get("/v1/mine")
    assert answer.status_code == status
    assert (answer.text == token) == (status == 200)


async def test_open_access_lets_everybody_in() -> None:
    async with api(settings(access="open")) as client:
        assert (await client.get("/v1/models/b2b-default@1")).status_code == 200


async def test_open_access_is_for_this_machines_names_only() -> None:
    """A page from elsewhere may have its own name resolved to this machine."""
    async with api(settings(access="open"), {"host": "evil.example:8081"}) as client:
        assert (await client.get("/v1/models/b2b-default@1")).status_code == 403


async def test_a_token_that_is_given_is_checked_where_access_is_open_too() -> None:
    async with api(settings(access="open"), bearer("nobody")) as client:
        assert (await client.get("/v1/models/b2b-default@1")).status_code == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "api.example"])
def test_open_access_elsewhere_than_on_loopback_is_a_wrong_setting(host: str) -> None:
    with pytest.raises(SettingsError, match="loopback"):
        settings(access="open", host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_open_access_on_loopback_is_fine(host: str) -> None:
    assert settings(access="open", host=host).api.host == host


def test_half_of_what_jwts_need_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="jwt_jwks_url"):
        settings(jwt_issuer="https://id.example")


async def test_tenants_are_the_tokens() -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/x",
        "type": "demo.requested",
        "subject": "c",
        "data": {"product_id": "p"},
    }
    async with writing("shop-of-acme") as (client, kept):
        assert (await client.post("/v1/interactions", json=event)).status_code == 202
        other = await client.post("/v1/interactions", json={**event, "tenantid": "default"})
    assert [(each.tenant, each.contact_id) for each in kept.records] == [("acme", "c")]
    assert kept.events[0]["tenantid"] == "acme"
    assert other.status_code == 422
    assert other.json()["errors"][0]["field"] == "/tenantid"
