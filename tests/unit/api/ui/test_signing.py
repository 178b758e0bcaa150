"""Sessions and forms: nobody without a token, nothing from other sites' pages."""

import hashlib
from secrets import token_hex
from typing import Any, cast

import httpx
import pytest
from litestar.connection import ASGIConnection

from app.api.access import Access
from app.api.principal import Principal, Scope
from app.api.ui.sessions import Session, Sessions
from tests.unit.api.asking import HERE, api, bearer, settings

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def signed_in(client: httpx.AsyncClient, token: str = "everything") -> None:
    answer = await client.post("/sign-in", data={"token": token}, headers={"origin": HERE})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in/kept")


@pytest.mark.parametrize(
    "path", ["/", "/funnel", "/queue", "/contacts/a", "/models", "/operations"]
)
async def test_without_a_session_every_page_leads_to_signing_in(path: str) -> None:
    async with api() as client:
        answer = await client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


async def test_pages_are_bound_by_a_strict_policy() -> None:
    async with api() as client:
        answer = await client.get("/sign-in")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "style=" not in answer.text
    assert "<script>" not in answer.text


async def test_the_cookie_holds_no_token_and_is_for_the_server_only() -> None:
    async with api() as client:
        await signed_in(client)
        (cookie,) = client.cookies.jar
        assert "everything" not in str(cookie.value)
        told = (await client.post("/sign-in", data={"token": "reader"})).headers["set-cookie"]
    assert "HttpOnly" in told
    assert "SameSite=lax" in told
    assert "Secure" not in told  # this machine itself


async def test_elsewhere_the_cookie_goes_over_https_only() -> None:
    async with api() as client:
        answer = await client.post(
            "/sign-in", data={"token": "reader"}, headers={"host": "funnel.example"}
        )
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("value", ["", "x", "AAAA", token_hex(64)])
async def test_a_made_up_cookie_is_nobodys(value: str) -> None:
    async with api() as client:
        client.cookies.set("funnel_session", value)
        assert (await client.get("/models")).status_code == 303


async def test_processes_with_the_same_key_know_each_others_sessions() -> None:
    key = token_hex(32)
    async with api(settings(session_key=key)) as client:
        await signed_in(client)
        value = client.cookies["funnel_session"]
    for other, status in ((key, 200), (token_hex(32), 303), ("", 303)):
        async with api(settings(session_key=other)) as client:
            client.cookies.set("funnel_session", value)
            assert (await client.get("/simulations/none")).status_code in (status, 404)
            answer = await client.get("/")
            assert answer.headers["location"].startswith("/funnel" if status == 200 else "/sign-in")


async def test_a_token_that_is_withdrawn_ends_its_session() -> None:
    key = token_hex(32)
    async with api(settings(session_key=key)) as client:
        await signed_in(client)
        value = client.cookies["funnel_session"]
    async with api(settings(session_key=key, tokens="[]")) as client:
        client.cookies.set("funnel_session", value)
        assert (await client.get("/")).headers["location"] == "/sign-in"


@pytest.mark.parametrize(
    "path",
    [
        "/sign-out",
        "/contacts/a/call",
        "/models/strict@1/simulate",
        "/operations/dead-letters/1/redrive",
        "/operations/partitions/contacts/1/resume",
    ],
)
async def test_no_form_does_anything_without_the_sessions_proof(path: str) -> None:
    async with api() as client:
        await signed_in(client)
        stale = await client.post(path, data={"proof": "x"}, headers={"origin": HERE})
        foreign = await client.post(path, data={}, headers={"origin": "https://evil.example"})
    assert (stale.status_code, foreign.status_code) == (403, 403)
    assert "nothing was done" in stale.text


async def test_signing_in_leads_to_no_other_site() -> None:
    async with api() as client:
        for goes_on in ("//evil.example", "https://evil.example", "/\\evil.example"):
            await signed_in(client)
            answer = await client.get("/sign-in/kept", params={"next": goes_on})
            assert answer.headers["location"] == "/funnel"


async def test_who_may_not_see_a_page_is_told_so_as_a_page() -> None:
    async with api() as client:
        await signed_in(client, "sales")
        answer = await client.get("/funnel")
    assert answer.status_code == 403
    assert "This is not yours to see" in answer.text


async def test_with_postgresql_away_a_page_says_so() -> None:
    async with api() as client:
        await signed_in(client)
        answer = await client.get("/queue")
    assert answer.status_code == 503
    assert "Not available right now" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


async def test_open_access_is_for_this_machine_only() -> None:
    async with api(settings(access="open", tokens="")) as client:
        assert (await client.get("/sign-in")).headers["location"] == "/funnel"
        strange = await client.get("/models", headers={"host": "evil.example"})
    assert strange.status_code == 403


async def test_static_files_are_kept_for_ever_under_the_name_of_their_content() -> None:
    async with api() as client:
        text = (await client.get("/sign-in")).text
        address = text.split('<link rel="stylesheet" href="')[1].split('"')[0]
        found = await client.get(address)
        other = await client.get(address.replace("/static/", "/static/0"))
    assert "immutable" in found.headers["cache-control"]
    assert found.headers["content-type"].startswith("text/css")
    assert other.status_code == 404


PROXY = "127.0.0.1"
"""Where the requests of these tests come from."""


@pytest.mark.parametrize(
    ("proxies", "goes_to"),
    [("", "/sign-in"), ("10.0.0.0/8", "/sign-in"), (f"10.0.0.0/8, {PROXY}", "/funnel")],
)
async def test_a_token_that_is_passed_on_counts_from_listed_proxies_only(
    proxies: str, goes_to: str
) -> None:
    async with api(settings(proxies=proxies), bearer("everything")) as client:
        answer = await client.get("/", headers={"x-forwarded-for": "10.1.2.3"})
        assert answer.headers["location"] == goes_to
        assert not client.cookies


async def test_whom_a_proxy_signed_in_is_allowed_what_the_token_allows() -> None:
    async with api(settings(proxies=PROXY), bearer("reader")) as client:
        denied = await client.get("/operations")
        refused = await client.get("/models", headers=bearer("nobody's"))
    assert (denied.status_code, refused.status_code) == (403, 401)
    assert "Sign out" not in denied.text


async def test_forms_of_those_a_proxy_signed_in_bring_a_proof_that_outlives_a_token() -> None:
    """The proxy renews tokens while a page is open."""
    people = {"one": "jo", "two": "jo", "other": "mia"}
    tokens = {
        hashlib.sha256(token.encode()).hexdigest(): Principal("default", frozenset(Scope), name)
        for token, name in people.items()
    }
    access = Access(tokens, None, is_open=False)
    sessions = Sessions(access, "", lambda: 0.0, max_age_seconds=60, proxies=["::1", "10.0.0.0/8"])

    async def of(token: str) -> Session:
        headers = [(b"authorization", f"Bearer {token}".encode())]
        scope = {"type": "http", "headers": headers, "client": ("::ffff:10.1.2.3", 4000)}
        return await sessions.of(ASGIConnection(cast(Any, scope)))

    page = await of("one")
    assert sessions.is_proof(await of("two"), page.proof)
    assert not sessions.is_proof(await of("other"), page.proof)
