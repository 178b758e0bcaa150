"""POST /v1/contacts/{id}/commands: what people decide, onto the commands topic.

The command's id is a hash of tenant, actor and Idempotency-Key, and is the interaction's id: sent
again, it is a duplicate to the lane and changes nothing. It is noted before it is sent: who decided
what is known even if Kafka never has it, and a key can't be used for two decisions.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter

from app.api.access import allow
from app.api.bodies import CommandOperation, media_type_of
from app.api.checking import Checker
from app.api.command_log import CommandLog
from app.api.command_shapes import Command, command_answer
from app.api.command_types import COMMANDS, CommandType
from app.api.describing import WITH_BODY, needs
from app.api.intake import Intake, Outgoing
from app.api.preferences import wait_of
from app.api.principal import Principal, Scope
from app.api.problems import FieldError, Problem, wrong_field
from app.domain.command_outcome import CommandState
from app.domain.topics import Topic
from app.storage.command_queries import NewCommand, StoredCommand

SOURCE: Final = "/funnel/api"
BODY_MAX_BYTES: Final = 64 * 1024
ACTOR_MAX_CHARS: Final = 256

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


Preferred = Annotated[
    str | None,
    HeaderParameter(
        name="Prefer",
        max_length=1024,
        description="`wait=5`: wait up to so many seconds for what becomes of it (RFC 7240).",
    ),
]


class Commands:
    def __init__(
        self, checker: Checker, intake: Intake, log: CommandLog, *, wait_max_seconds: float
    ) -> None:
        self._checker = checker
        self._intake = intake
        self._log = log
        self._wait_max_seconds = wait_max_seconds

    async def send(
        self, principal: Principal, contact_id: str, idempotency_key: str, body: CommandBody
    ) -> StoredCommand:
        """The command, once Kafka has it; what became of it, where that is known. Problem 403, 422;
        Unavailable."""
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
            detail = f"{checked.field}: {checked.detail}" if checked.field else checked.detail
            raise Problem(422, checked.reason or "wrong-field", detail, errors=[checked])
        fingerprint = fingerprint_of(idempotency_key, contact_id, body)
        stored = await self.note(_new(principal, id_, contact_id, kind, fingerprint))
        if stored.state is CommandState.PENDING:  # perhaps it was noted, and never sent
            await self._intake.put(
                [Outgoing(Topic.COMMANDS, checked.tenant, checked.contact_id, value)]
            )
        return stored

    async def note(self, new: NewCommand) -> StoredCommand:
        """What stands under its id from now on. Problem 422: another decision; Unavailable."""
        stored = await self._log.note(new)
        if stored.fingerprint not in (None, new.fingerprint):
            raise _reused()
        return stored

    async def wait(self, sent: StoredCommand, seconds: int) -> tuple[StoredCommand, int | None]:
        """The command as it is decided, or as it is when the time is over; how long that was at
        most. None: nobody could wait."""
        seconds = min(seconds, int(self._wait_max_seconds))
        if sent.state is not CommandState.PENDING:
            return sent, seconds
        waits = self._log.waits
        if not seconds or not waits.has_room:
            return sent, None
        return await waits.decided(sent.tenant, sent.command_id, seconds) or sent, seconds

    async def preferred(
        self, sent: StoredCommand, prefer: Sequence[str]
    ) -> tuple[StoredCommand, int, dict[str, str]]:
        """Waited for where the Prefer headers ask for it; the answer's status and headers."""
        wanted = wait_of(prefer)
        if wanted is None:
            return sent, 202, {}
        found, waited = await self.wait(sent, wanted)
        if waited is None:
            return found, 202, {}
        status = 202 if found.state is CommandState.PENDING else 200
        return found, status, {"preference-applied": f"wait={waited}"}


def _new(
    principal: Principal, id_: str, contact_id: str, kind: CommandType, fingerprint: bytes
) -> NewCommand:
    actor = principal.actor[:ACTOR_MAX_CHARS]
    return NewCommand(
        principal.tenant, id_, contact_id, kind.type, SOURCE, actor, kind.scope, fingerprint
    )


def fingerprint_of(idempotency_key: str, contact_id: str, body: CommandBody) -> bytes:
    """The same for the same decision. Kept after an erasure: who does not have the key can't try
    out of whom it is."""
    return fingerprint(idempotency_key, contact_id, body)


def fingerprint(*parts: Any) -> bytes:
    return blake2b(msgspec.json.encode(parts, order="deterministic"), digest_size=16).digest()


def _reused() -> Problem:
    detail = (
        "was used for another decision (about what, which or when differs): take a new key for"
        " each decision, and the same one only to send it again"
    )
    errors = [FieldError("Idempotency-Key", detail)]
    return Problem(422, "idempotency-key-reused", f"Idempotency-Key: {detail}", errors=errors)


def command_id(principal: Principal, idempotency_key: str) -> str:
    """Without a way for one tenant's or actor's parts to look like another's."""
    parts = [principal.tenant, principal.actor, idempotency_key]
    return blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()


SENDS: dict[str, Any] = needs(Scope.CONTACTS_COMMAND, "Contacts", CommandOperation, WITH_BODY)
SENDS["responses"][200] = ResponseSpec(
    Command, description="It was waited for, and is decided.", generate_examples=False
)


@post(
    "/contacts/{contact_id:str}/commands",
    summary="Decide something about a contact",
    status_code=202,
    request_max_body_size=BODY_MAX_BYTES,
    **SENDS,
)
async def command(
    request: Request[Any, Any, Any],
    key: Given[str],
    principal: Given[Principal],
    commands: Given[Commands],
    idempotency_key: IdempotencyKey,
    prefer: Preferred = None,  # noqa: ARG001 - described here, and read where it may stand twice
) -> Response[Command]:
    """202 once Kafka has it; who did it is the token's name. `erase` needs the scope
    `contacts:erase` too. Ask for what became of it at Location, or wait for it with
    `Prefer: wait=5`: 200 where it is decided in time, also where it is refused."""
    media_type_of(request, ("application/json",))
    body = _read(await request.body())
    sent = await commands.send(principal, key, idempotency_key, body)
    sent, status, headers = await commands.preferred(sent, request.headers.getall("prefer", []))
    headers["location"] = f"/v1/commands/{sent.command_id}"
    return Response(command_answer(sent), status_code=status, headers=headers)


def _read(body: bytes) -> CommandBody:
    try:
        return msgspec.json.decode(body, type=CommandBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        detail = "must be a JSON object with command, data and, if not now, time; nothing else"
        raise Problem(422, "wrong-body", detail, errors=[FieldError("", detail)]) from None


COMMAND_ROUTES: list[HTTPRouteHandler] = [command]
