"""An ASGI application on uvicorn, as a service of the shell."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
import uvicorn
from mode import Service

from app.errors import SetupError
from app.runtime.garbage import settle

KEEP_ALIVE_SECONDS: Final = 30
BACKLOG: Final = 1024
CONNECTIONS_MAX: Final = 2000
UNREAD_MAX_MS: Final = 30_000
"""Who reads nothing of what was sent for so long is cut off, by the kernel where it can."""

log = structlog.get_logger(__name__)

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


class WebService(Service):
    """Serves until stopped; then answers what was asked, within `drain_timeout_seconds`.

    `port` 0 picks a free one.
    """

    mundane_level = "debug"

    def __init__(
        self,
        application: Asgi,
        close: Callable[[], Awaitable[None]],
        *,
        host: str,
        port: int,
        drain_timeout_seconds: float,
        setting: str = "--http-port or FUNNEL_API__PORT",
    ) -> None:
        """`close`: what the application holds is let go, once nobody is served any more.
        `setting`: what to set where the port is taken."""
        super().__init__()
        self.host = host
        self.port = port
        """Once started, the port that is really listened on."""
        self._close = close
        self._drain_timeout_seconds = drain_timeout_seconds
        self._setting = setting
        self._config = uvicorn.Config(
            application,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,  # paths hold contacts' keys
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=max(1, round(drain_timeout_seconds)),
        )
        self._server = _Server(self._config)
        self._ended = asyncio.Event()
        self._socket: socket.socket | None = None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def on_start(self) -> None:
        """SetupError where the port is taken."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            self._socket = socket.create_server(
                (self.host, self.port), family=family, backlog=BACKLOG
            )
        except OSError as failed:
            raise SetupError(_explain(failed, self.host, self.port, self._setting)) from None
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # what is accepted inherits it
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MAX_MS)
        self.port = self._socket.getsockname()[1]
        settle()
        log.info("api listens", url=self.url)

    @Service.task
    async def _serve(self) -> None:
        assert self._socket is not None, "it was started"
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self._ended.set()
        if not self._server.should_exit:
            raise AssertionError("the server ended though nothing had asked it to")

    async def on_stop(self) -> None:
        if self._socket is not None:
            await self._drain()
            self._socket.close()
        await self._close()

    async def _drain(self) -> None:
        self._server.should_exit = True
        try:
            async with asyncio.timeout(self._drain_timeout_seconds + 1):
                await self._ended.wait()
        except TimeoutError:
            self._server.force_exit = True


class _Server(uvicorn.Server):
    """Signals are the shell's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _explain(failed: OSError, host: str, port: int, setting: str) -> str:
    if failed.errno == errno.EADDRINUSE:
        return (
            f"HTTP port {port} on {host} is taken: stop what listens there, or choose another "
            f"with {setting} (0 picks a free one)"
        )
    return f"can't listen on {host}:{port}: {failed.strerror or failed}"
