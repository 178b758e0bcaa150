"""A rig's database set back to an earlier point, as a restore from a backup does."""

from urllib.parse import urlsplit

import asyncpg

from tests.conftest import execute
from tests.failure.rig import Rig, until


class Backup:
    """A copy of the rig's database. Taken and restored while no lane runs."""

    def __init__(self, rig: Rig) -> None:
        parts = urlsplit(rig.database_url)
        self._rig = rig
        self._name = parts.path.removeprefix("/")
        self._admin = parts._replace(path="/postgres").geturl()

    async def take(self) -> None:
        await self._copy(self._name, f"{self._name}_backup")

    async def restore(self) -> None:
        await self._rig.database.close()
        await until(lambda: self._tried(f"DROP DATABASE {self._name} WITH (FORCE)"))
        await self._copy(f"{self._name}_backup", self._name)

    async def drop(self) -> None:
        await until(lambda: self._tried(f"DROP DATABASE IF EXISTS {self._name}_backup"))

    async def _copy(self, source: str, target: str) -> None:
        await self._rig.database.close()
        await until(lambda: self._tried(f"CREATE DATABASE {target} TEMPLATE {source}"))
        self._rig._database = await asyncpg.connect(self._rig.database_url)

    async def _tried(self, statement: str) -> bool:
        """A session that is just ending still counts as one."""
        try:
            await execute(self._admin, statement)
        except (asyncpg.ObjectInUseError, asyncpg.InsufficientPrivilegeError):
            return False
        return True
