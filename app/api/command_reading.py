"""What became of a command, and who decided what: the audit trail of the last days."""

import re
from typing import Annotated, Any, Final

from litestar import get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from app.api.command_log import CommandLog
from app.api.command_shapes import Command, CommandPage, command_answer
from app.api.cursor import After, Limit, Number, Text, cursor_of, key_of
from app.api.describing import needs
from app.api.principal import Principal, Scope
from app.api.problems import not_found
from app.domain.command_outcome import CommandState

WHAT: Final = "command (they are kept for seven days)"
_is_id = re.compile(r"[0-9a-f-]{32,36}").fullmatch

ASKS: dict[str, Any] = needs(Scope.CONTACTS_COMMAND, "Contacts")
READS: dict[str, Any] = needs(Scope.CONTACTS_READ, "Contacts")

WITHOUT_NUL: Final = r"^[^\x00]*$"
OnlyContact = Annotated[
    str | None,
    QueryParameter(
        name="contact", max_length=256, pattern=WITHOUT_NUL, description="About this contact."
    ),
]
OnlyActor = Annotated[
    str | None,
    QueryParameter(max_length=256, pattern=WITHOUT_NUL, description="Decided by this one."),
]
OnlyState = Annotated[
    CommandState | None, QueryParameter(name="state", description="In this state.")
]


@get("/commands/{command_id:str}", summary="What became of a command", **ASKS)
async def command_result(
    command_id: FromPath[str], principal: Given[Principal], command_log: Given[CommandLog]
) -> Command:
    """Its state is `pending` until a lane has decided it. 404: none of this id was taken, in this
    tenant and in the last seven days."""
    stored = None
    if _is_id(command_id):
        stored = await command_log.find(principal.tenant, command_id)
    if stored is None:
        raise not_found(WHAT)
    return command_answer(stored)


@get("/commands", summary="Who decided what, newest first", **READS)
async def list_commands(
    principal: Given[Principal],
    command_log: Given[CommandLog],
    contact: OnlyContact = None,
    actor: OnlyActor = None,
    in_state: OnlyState = None,
    limit: Limit = 50,
    after: After = None,
) -> CommandPage:
    """Of the token's tenant: by HTTP, by the command line, and by any other program that names who
    decides. What has to do with an erased contact is found by actor, not by contact."""
    found = await command_log.latest(
        principal.tenant,
        limit=limit + 1,
        contact_id=contact,
        actor=actor,
        state=in_state,
        before=key_of(after, tuple[Number, Text]),
    )
    items = [command_answer(each) for each in found[:limit]]
    if len(found) <= limit:
        return CommandPage(items, None)
    last = found[limit - 1]
    return CommandPage(items, cursor_of((last.received_at, last.command_id)))


COMMAND_READING_ROUTES: list[HTTPRouteHandler] = [command_result, list_commands]
