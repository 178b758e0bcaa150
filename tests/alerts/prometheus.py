"""A Prometheus server of a test: it scrapes the real processes and evaluates the shipped rules."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from app.runtime.embedded.ports import choose_port
from tests.alerts.shortened import RULES, shortened
from tests.failure.rig import until

FACTOR: Final = 60
"""A minute of the rules is a second here."""
PATIENCE_SECONDS: Final = 90.0


class Prometheus:
    def __init__(self, url: str, targets: Path) -> None:
        self._url = url
        self._targets = targets

    def watch(self, *urls: str) -> None:
        """Scrape these processes from now on, and no others."""
        hosts = [url.removeprefix("http://") for url in urls]
        part = self._targets.with_suffix(".part")
        part.write_text(json.dumps([{"targets": hosts}]))
        part.rename(self._targets)  # it is watched: never half a file

    async def ask(self, path: str, **parameters: str) -> Any:
        """What its HTTP interface says; None while it starts, or where the question is wrong."""
        async with httpx.AsyncClient() as client:
            try:
                answer = await client.get(f"{self._url}/api/v1/{path}", params=parameters)
            except httpx.TransportError:
                return None
        return answer.json().get("data") if answer.status_code == HTTPStatus.OK else None

    async def values(self, expression: str) -> list[tuple[dict[str, str], float]]:
        found = await self.ask("query", query=expression) or {"result": []}
        return [(each["metric"], float(each["value"][1])) for each in found["result"]]

    async def firing(self) -> list[dict[str, str]]:
        """The labels of every alert that fires."""
        found = await self.ask("alerts") or {"alerts": []}
        return [each["labels"] for each in found["alerts"] if each["state"] == "firing"]

    async def fires(self, alert: str, **labels: str) -> bool:
        wanted = {"alertname": alert, **labels}
        return any(wanted.items() <= each.items() for each in await self.firing())

    async def until_fires(
        self, alert: str, seconds: float = PATIENCE_SECONDS, /, **labels: str
    ) -> None:
        await until(lambda: self.fires(alert, **labels), seconds)

    async def until_ends(
        self, alert: str, seconds: float = PATIENCE_SECONDS, /, **labels: str
    ) -> None:
        async def has_ended() -> bool:
            return not await self.fires(alert, **labels)

        await until(has_ended, seconds)

    async def until_seen(self, count: int, seconds: float = PATIENCE_SECONDS) -> None:
        """So many processes, none of which it knew before is left."""

        async def are_seen() -> bool:
            found = await self.values("count(funnel_build_info)")
            return bool(found) and found[0][1] == count

        await until(are_seen, seconds)

    async def until_quiet(self, seconds: float = PATIENCE_SECONDS) -> None:
        """It has looked at the processes, and nothing fires."""

        async def is_quiet() -> bool:
            seen = await self.values("funnel_ready == 1")
            return bool(seen) and not await self.firing()

        await until(is_quiet, seconds)


@asynccontextmanager
async def prometheus(
    home: Path, urls: Sequence[str] = (), *, factor: int = FACTOR, every: str = "500ms"
) -> AsyncIterator[Prometheus]:
    """With the rules' times divided by `factor`. Skips the test where there is none."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("prometheus is not installed (Debian: apt-get install prometheus)")
    targets = home / "targets.json"
    (home / "rules.yaml").write_text(shortened(RULES.read_text(), factor))
    (home / "prometheus.yaml").write_text(
        f"global: {{scrape_interval: {every}, scrape_timeout: {every},"
        " evaluation_interval: 500ms}\n"
        "rule_files: [rules.yaml]\n"
        "scrape_configs:\n"
        f"  - {{job_name: funnel, file_sd_configs: [{{files: ['{targets}']}}]}}\n"
    )
    port = choose_port(0, "Prometheus", "-")
    started = Prometheus(f"http://127.0.0.1:{port}", targets)
    started.watch(*urls)
    said = home / "prometheus.log"
    with said.open("w") as output:
        running = await asyncio.create_subprocess_exec(
            binary,
            f"--config.file={home / 'prometheus.yaml'}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=output,
            stderr=output,
        )
    try:
        yield started
    finally:
        running.terminate()
        await running.wait()
