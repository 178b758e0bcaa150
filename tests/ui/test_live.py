"""What a page shows while the service is away, and that it then goes on by itself."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, expect

from app.runtime.embedded.stack import EmbeddedStack
from tests.scenario.api_process import Api
from tests.scenario.conftest import Service
from tests.scenario.test_mission import DEMO, SIGN_UP
from tests.ui.browser import PATIENCE_MS, screen

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
async def api(stack: EmbeddedStack, service: Service) -> AsyncIterator[Api]:
    group = urlsplit(service.database_url).path.strip("/")
    made = Api(stack.bootstrap_servers, service.database_url, KAFKA__GROUP_ID=group)
    async with made:
        await made.answers()
        yield made


async def test_a_killed_service_shows_and_what_passed_meanwhile_comes_by_itself(
    browser: Browser, api: Api, service: Service
) -> None:
    first, before, meanwhile = service.contact(), service.contact(), service.contact()
    async with screen(browser, api.url) as seen:
        page = seen.page
        await seen.go("/funnel")
        mark = page.locator("[data-live]")
        await expect(mark).to_have_text("Live")
        feed = page.locator("#feed")
        await service.publish(first, *SIGN_UP)  # topics that were just made may break it off once
        await expect(feed.locator(f"[data-item^='{first}/']")).to_have_count(1)
        await page.evaluate("window.isTheSame = true")
        await service.publish(before, *DEMO)
        await expect(feed.locator(f"[data-item^='{before}/']")).to_have_count(3)
        leads = page.locator(".step.of-lead .count")
        count = int((await leads.inner_text()).replace(",", ""))

        await api.kill()
        await expect(mark).to_have_text("Reconnecting…")
        await expect(page.get_by_role("alert")).to_contain_text("interrupted")
        await service.publish(meanwhile, *SIGN_UP)
        await service.stages(meanwhile, 1)
        await api.start()

        await expect(mark).to_have_text("Live")
        await expect(feed.locator(f"[data-item^='{meanwhile}/']")).to_have_count(1)
        await expect(feed.locator(f"[data-item^='{before}/']")).to_have_count(3)
        await expect(leads).to_have_text(f"{count + 1:,}")
        await expect(page.get_by_role("alert")).to_have_count(0)
        assert await page.evaluate("window.isTheSame") is True
        seen.complaints.clear()  # the browser tells that nobody answered
