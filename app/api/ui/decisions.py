"""What people decide on pages: sent as the HTTP interface sends it, and waited for."""

from typing import Any, Final

from app.api.command_log import CommandLog
from app.api.command_shapes import Command, command_answer
from app.api.commands import CommandBody, Commands
from app.api.principal import Principal

WAIT_SECONDS: Final = 5
ID_MAX_CHARS: Final = 36


class SentDecisions:
    def __init__(self, commands: Commands, log: CommandLog) -> None:
        self._commands = commands
        self._log = log

    async def decide(
        self, principal: Principal, contact_id: str, key: str, command: str, data: dict[str, Any]
    ) -> Command:
        """Sent, and waited for a few seconds. Problem 403, 422; Unavailable."""
        body = CommandBody(command, data)
        sent = await self._commands.send(principal, contact_id, key, body)
        found, _ = await self._commands.wait(sent, WAIT_SECONDS)
        return command_answer(found)

    async def outcome(self, principal: Principal, command_id: str) -> Command | None:
        """None: it is not known, or was long ago."""
        if len(command_id) > ID_MAX_CHARS or not command_id.isascii() or "\0" in command_id:
            return None
        found = await self._log.find(principal.tenant, command_id)
        return None if found is None else command_answer(found)
