"""POST /v1/contacts/{id}/commands: what people decide, onto the commands topic.

The command's id is a hash of tenant, actor and Idempotency-Key, and is the interaction's id: sent
again, it is a duplicate to the lane and changes nothing.
"""

from hashlib import blake2b
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter

from app.api.access import allow
from app.api.bodies import CommandOperation, media_type_of
from app.api.checking import Checker
from app.api.command_types import COMMANDS
from app.api.describing import WITH_BODY, needs
from app.api.intake import Intake, Outgoing
from app.api.principal import Principal, Scope
from app.api.problems import FieldError, Problem, wrong_field
from app.domain.topics import Topic

SOURCE: Final = "/funnel/api"
BODY_MAX_BYTES: Final = 64 * 1024

IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=256,
        description="New for each decision, the same when it is sent again: it counts once.",
    ),
]


class CommandBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    command: str
    data: dict[str, Any] = {}
    time: str | msgspec.UnsetType = msgspec.UNSET


class CommandAccepted(msgspec.Struct, frozen=True):
    command_id: str
    """Also the id of the interaction that it became, whose source is /funnel/api."""


class Commands:
    def __init__(self, checker: Checker, intake: Intake) -> None:
        self._checker = checker
        self._intake = intake

    async def send(
        self, principal: Principal, contact_id: str, idempotency_key: str, body: CommandBody
    ) -> str:
        """The command's id, once Kafka has it. Problem 403, 422; Unavailable."""
        kind = COMMANDS.get(body.command)
        if kind is None:
            raise wrong_field("/command", f"must be one of {', '.join(COMMANDS)}")
        allow(principal, kind.scope)
        if "actor" in body.data:
            raise wrong_field("/data/actor", "is the token's: leave it out")
        id_ = command_id(principal, idempotency_key)
        event = {
            "specversion": "1.0",
            "id": id_,
            "source": SOURCE,
            "type": kind.type,
            "subject": contact_id,
            "tenantid": principal.tenant,
            **({} if body.time is msgspec.UNSET else {"time": body.time}),
            "data": {**body.data, "actor": principal.actor},
        }
        value = msgspec.json.encode(event)
        await self._checker.prepare(principal.tenant)
        checked = self._checker.interaction(value, Topic.COMMANDS)
        if isinstance(checked, FieldError):
            detail = f"{checked.field}: {checked.detail}"
            raise Problem(422, checked.reason or "wrong-field", detail, errors=[checked])
        await self._intake.put(
            [Outgoing(Topic.COMMANDS, checked.tenant, checked.contact_id, value)]
        )
        return id_


def command_id(principal: Principal, idempotency_key: str) -> str:
    """Without a way for one tenant's or actor's parts to look like another's."""
    parts = [principal.tenant, principal.actor, idempotency_key]
    return blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()


@post(
    "/contacts/{contact_id:str}/commands",
    summary="Decide something about a contact",
    status_code=202,
    request_max_body_size=BODY_MAX_BYTES,
    **needs(Scope.CONTACTS_COMMAND, "Contacts", CommandOperation, WITH_BODY),
)
async def command(
    request: Request[Any, Any, Any],
    key: Given[str],
    principal: Given[Principal],
    commands: Given[Commands],
    idempotency_key: IdempotencyKey,
) -> CommandAccepted:
    """202 once Kafka has it; who did it is the token's name. `erase` needs the scope
    `contacts:erase` too."""
    media_type_of(request, ("application/json",))
    body = _read(await request.body())
    return CommandAccepted(await commands.send(principal, key, idempotency_key, body))


def _read(body: bytes) -> CommandBody:
    try:
        return msgspec.json.decode(body, type=CommandBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        detail = "must be a JSON object with command, data and, if not now, time; nothing else"
        raise Problem(422, "wrong-body", detail, errors=[FieldError("", detail)]) from None


COMMAND_ROUTES: list[HTTPRouteHandler] = [command]
