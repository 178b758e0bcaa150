"""The owner's side of a warden: one server process that can't outlive this one."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

from app.errors import SetupError
from app.runtime.embedded.account import Account

WARDEN = Path(__file__).with_name("warden.py")
LOG_MAX_BYTES = 16 * 1024 * 1024
LOG_LINES_SHOWN = 12


class ServerProcess:
    """Runs until the server and its warden are gone. `pid` is the server's."""

    def __init__(self, warden: subprocess.Popen[bytes], log: Path) -> None:
        self._warden = warden
        self._log = log
        self._head = b""
        self._pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        assert warden.stdout is not None
        asyncio.get_running_loop().add_reader(warden.stdout.fileno(), self._on_output)

    @property
    def pid(self) -> int:
        return self._pid.result()

    @property
    def is_running(self) -> bool:
        return not self._exited.done()

    def _on_output(self) -> None:
        assert self._warden.stdout is not None
        descriptor = self._warden.stdout.fileno()
        if read := os.read(descriptor, 64):
            self._head += read
            if self._head.endswith(b"\n") and not self._pid.done():
                self._pid.set_result(int(self._head))
            return
        asyncio.get_running_loop().remove_reader(descriptor)
        code = self._warden.wait()  # its output has closed: it is exiting right now
        self._close()
        if not self._pid.done():
            self._pid.cancel()
        self._exited.set_result(code)

    def _close(self) -> None:
        for pipe in (self._warden.stdin, self._warden.stdout):
            assert pipe is not None
            pipe.close()

    async def stop(self, order: Literal["T", "I"], timeout_seconds: float) -> bool:
        """Ask it to end; crash it, and say False, when it takes too long. Cancelled: crash it."""
        self._order(order)
        try:
            if await self.wait(timeout_seconds) is not None:
                return True
        except asyncio.CancelledError:
            await self.crash()
            raise
        await self.crash()
        return False

    async def wait(self, timeout_seconds: float | None = None) -> int | None:
        """Its exit code; None if it still runs after the time-out."""
        await asyncio.wait([self._exited], timeout=timeout_seconds)
        return self._exited.result() if self._exited.done() else None

    async def finished(self) -> int | None:
        """The exit code of a process that ends by itself; crash it when this wait is cancelled."""
        try:
            return await self.wait()
        except asyncio.CancelledError:
            await self.crash()
            raise

    async def crash(self) -> None:
        """As if the machine had lost power, for this server: SIGKILL to all its processes."""
        self._order("K")
        await self.wait()

    def _order(self, order: str) -> None:
        if self.is_running:
            assert self._warden.stdin is not None
            try:
                os.write(self._warden.stdin.fileno(), order.encode())
            except BrokenPipeError:
                return  # it ended a moment ago; `wait` is about to say so

    def last_words(self) -> str:
        """The end of the server's log, for an error message."""
        lines = self._log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        return "\n".join(f"  {line[:300]}" for line in lines)

    @classmethod
    async def spawn(
        cls,
        command: Sequence[str | Path],
        log: Path,
        account: Account | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> "ServerProcess":
        """Start `command`, as `account` where given; its output is appended to `log`."""
        who = ("-", "-") if account is None else (str(account.uid), str(account.gid))
        with _appended(log) as output:
            warden = subprocess.Popen(  # noqa: ASYNC220, S603 - returns after exec
                [sys.executable, "-I", WARDEN, *who, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                bufsize=0,
                cwd="/",
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        process = cls(warden, log)
        try:
            await asyncio.wait([process._pid])
        except asyncio.CancelledError:
            await process.crash()
            raise
        if process._pid.cancelled():
            raise SetupError(f"could not start {command[0]}:\n{process.last_words()}")
        return process


def _appended(log: Path) -> BinaryIO:
    """The log, open for writing; one older log is kept when it has grown long."""
    if log.exists() and log.stat().st_size > LOG_MAX_BYTES:
        log.replace(log.with_suffix(".old.log"))
    return log.open("ab")
