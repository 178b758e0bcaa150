"""The role `api` as a process that can be killed."""

import asyncio
import os
import socket
import sys

import httpx

PATIENCE_SECONDS = 60
FUNNEL = (sys.executable, "-m", "app.cli.main")


class Api:
    """The role as a process of its own, always on the same port."""

    def __init__(self, bootstrap_servers: str, database_url: str, **settings: str) -> None:
        """`settings`: as the environment names them, without FUNNEL_."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if name[:7] != "FUNNEL_"},
            "FUNNEL_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
            "FUNNEL_DATABASE__URL": database_url,
            "FUNNEL_API__PORT": str(port),
            "FUNNEL_API__ACCESS": "open",
            **{f"FUNNEL_{name}": value for name, value in settings.items()},
        }
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Api":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def start(self) -> None:
        quiet = asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(
            *FUNNEL, "api", env=self._environment, stdout=quiet, stderr=quiet
        )

    async def answers(self) -> None:
        """It is ready."""
        async with asyncio.timeout(PATIENCE_SECONDS), httpx.AsyncClient() as client:
            while True:
                try:
                    if (await client.get(f"{self.url}/readyz")).is_success:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)

    async def kill(self) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
