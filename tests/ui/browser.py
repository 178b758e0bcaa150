"""A browser as people use it, and what must hold of every page it sees."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDE, PHONE = (1360, 900), (390, 844)
PATIENCE_MS = 20_000


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=list(ARGUMENTS)
        )
        yield browser
        await browser.close()


class Screen:
    """One page, and what it must not do: complain, or ask another host."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.complaints: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)

    async def go(self, path: str) -> int:
        answer = await self.page.goto(self.base + path)
        assert answer is not None
        return answer.status

    async def sign_in(self, token: str) -> None:
        await self.go("/sign-in")
        await self.page.get_by_label("Token").fill(token)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.wait_for_url("**/funnel")

    async def violations(self) -> list[str]:
        """Of WCAG, levels A and AA."""
        await self.page.evaluate(AXE + ";0")
        before = list(self.complaints)
        found = await self.page.evaluate("levels => axe.run(document, {runOnly: levels})", LEVELS)
        self.complaints = before  # axe puts styles inline, which the policy refuses
        return [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    async def width(self) -> int:
        return int(await self.page.evaluate("document.documentElement.scrollWidth"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.base, "data:")):
            self.complaints.append(f"it asked {request.url}")


@asynccontextmanager
async def screen(
    browser: Browser, base: str, size: tuple[int, int] = WIDE, **options: Any
) -> AsyncIterator[Screen]:
    """A person's own: nobody else's cookies. Fails where a page complained."""
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale="en-GB", **options
    )
    context.set_default_timeout(PATIENCE_MS)
    seen = Screen(await context.new_page(), base)
    yield seen
    await context.close()
    assert seen.complaints == [], seen.complaints
