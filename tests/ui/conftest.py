"""The pages on the real stack, in a real browser. Without one these tests are skipped."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser

from app.api.principal import Scope
from app.bootstrap_api import build_api_services
from app.domain.topics import Topic
from app.runtime.embedded.stack import EmbeddedStack
from app.runtime.shell import run
from app.settings import load
from app.telemetry.metrics import Metrics
from tests.scenario.conftest import Service, model, service
from tests.scenario.test_mission import DEMO, REPLY, SIGN_UP
from tests.ui.browser import CHROMIUM, Screen, launched, screen
from tests.unit.api.asking import stored_token

__all__ = ["model", "service"]

READER = ["contacts:read"]
TOKENS = json.dumps([stored_token("jo", list(Scope)), stored_token("reader", READER)])
Known = dict[str, str]
"""Contacts by what they are."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM.exists():
        return
    reason = f"no browser at {CHROMIUM}: apt-get install chromium, or set CHROMIUM to one"
    for item in items:
        if "tests/ui/" in item.nodeid and "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with launched() as started:
        yield started


Served = Callable[..., Awaitable[str]]


@pytest.fixture(scope="module")
async def served(stack: EmbeddedStack, service: Service) -> AsyncIterator[Served]:
    """Starts the API with other settings than the defaults; its address."""
    group = urlsplit(service.database_url).path.strip("/")
    stop = asyncio.Event()
    running: list[asyncio.Task[int]] = []

    async def serve(**api: object) -> str:
        settings = load(
            {},
            api={"port": 0, **api},
            kafka={"bootstrap_servers": stack.bootstrap_servers, "group_id": group},
            database={"url": service.database_url},
        )
        services, started = build_api_services(settings, Metrics()), asyncio.Event()
        running.append(
            asyncio.create_task(
                run(lambda: list(services), drain_timeout_seconds=5.0, stop=stop, started=started)
            )
        )
        await started.wait()
        return services.web.url

    yield serve
    stop.set()
    assert await asyncio.gather(*running) == [0] * len(running)


@pytest.fixture(scope="module")
async def address(served: Served) -> str:
    """Of pages that ask for a token."""
    return await served(tokens=TOKENS)


@pytest.fixture
async def jo(browser: Browser, address: str) -> AsyncIterator[Screen]:
    """Somebody who may do everything, signed in."""
    async with screen(browser, address) as seen:
        await seen.sign_in("jo")
        yield seen


@pytest.fixture(scope="module")
async def known(service: Service) -> Known:
    """An opportunity of an account, a prospect, a lead, and a dead letter."""
    names = {name: service.contact() for name in ("opportunity", "prospect", "lead", "poison")}
    firm = f"{service.contact()}.example"
    link = {"account_id": firm}
    await service.publish(names["opportunity"], "account.linked", link, topic=Topic.COMMANDS)
    for contact, story in (
        ("opportunity", (SIGN_UP, DEMO)),
        ("prospect", (SIGN_UP, REPLY)),
        ("lead", (SIGN_UP,)),
    ):
        for each in story:
            await service.publish(names[contact], *each)
    await service.publish(names["poison"], "demo.requested", {})
    await service.stages(names["opportunity"], 3)
    await service.stages(names["prospect"], 2)
    await service.stages(names["lead"], 1)
    await service.records(Topic.DEAD_LETTERS, names["poison"], 1)
    await service.records(Topic.ACCOUNTS, firm, 1)
    return {**names, "account": firm}
