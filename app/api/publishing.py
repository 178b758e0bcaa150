"""POST /v1/interactions: one CloudEvent, or a batch; accepted once Kafka has it."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency as Given
from litestar.enums import RequestEncodingType
from litestar.handlers import HTTPRouteHandler

from app.api.bodies import InteractionsOperation, media_type_of
from app.api.checking import Checker
from app.api.describing import WITH_BODY, needs
from app.api.intake import Intake, Outgoing
from app.api.principal import Principal, Scope
from app.api.problems import FieldError, Problem
from app.domain.reasons import Reason
from app.domain.routing import DEFAULT_TENANT
from app.domain.topics import Topic
from app.inbound.event import STRUCTURED

BATCH: Final = "application/cloudevents-batch+json"
JSON: Final = RequestEncodingType.JSON.value
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_document = msgspec.json.Decoder(dict[str, Any]).decode


class Accepted(msgspec.Struct, frozen=True):
    accepted: int
    refused: int
    errors: list[FieldError]
    """What was refused of a batch, each with its index."""


class Publishing:
    def __init__(self, checker: Checker, intake: Intake, *, batch_max: int) -> None:
        self._checker = checker
        self._intake = intake
        self._batch_max = batch_max

    async def one(self, tenant: str, value: bytes) -> Accepted:
        """Problem 422; Unavailable."""
        await self._checker.prepare(tenant)
        checked = self._checked(tenant, value)
        if isinstance(checked, FieldError):
            raise _refused([checked])
        await self._intake.put([checked])
        return Accepted(1, 0, [])

    async def batch(self, tenant: str, body: bytes) -> Accepted:
        """Those that are sound are sent. Problem 422 where none is; Unavailable."""
        values = self._split(body)
        await self._checker.prepare(tenant)
        sound: list[Outgoing] = []
        errors: list[FieldError] = []
        for index, value in enumerate(values):
            checked = self._checked(tenant, bytes(value))
            if isinstance(checked, FieldError):
                errors.append(msgspec.structs.replace(checked, index=index))
            else:
                sound.append(checked)
        if not sound:
            raise _refused(errors)
        await self._intake.put(sound)
        return Accepted(len(sound), len(errors), errors)

    def _split(self, body: bytes) -> Sequence[msgspec.Raw]:
        try:
            values = _items(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            detail = "must be a JSON array of CloudEvents"
            raise Problem(422, "wrong-body", detail, errors=[FieldError("", detail)]) from None
        if not 0 < len(values) <= self._batch_max:
            detail = f"must hold 1 to {self._batch_max} CloudEvents, it holds {len(values)}"
            raise Problem(422, "wrong-batch-size", detail, errors=[FieldError("", detail)])
        return values

    def _checked(self, tenant: str, value: bytes) -> Outgoing | FieldError:
        """Under the token's tenant: named in the event, it must be that one."""
        if tenant != DEFAULT_TENANT:
            value = _with_tenant(value, tenant)
        checked = self._checker.interaction(value, Topic.INTERACTIONS)
        if isinstance(checked, FieldError):
            return checked
        if checked.tenant != tenant:
            detail = "is not the token's tenant: leave it out"
            return FieldError("/tenantid", detail, Reason.NOT_ALLOWED_HERE)
        return Outgoing(Topic.INTERACTIONS, tenant, checked.contact_id, value)


def _with_tenant(value: bytes, tenant: str) -> bytes:
    """What can't be read is left as it is: the check says why."""
    try:
        document = _document(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return value
    if document.get("tenantid") in (None, ""):
        document["tenantid"] = tenant
    return msgspec.json.encode(document)


def _refused(errors: list[FieldError]) -> Problem:
    first = errors[0]
    detail = f"{first.field}: {first.detail}" if first.field else first.detail
    return Problem(422, first.reason or "wrong-body", detail, errors=errors)


@post(
    "/interactions",
    summary="Publish interactions",
    status_code=202,
    **needs(Scope.INTERACTIONS_WRITE, "Interactions", InteractionsOperation, WITH_BODY),
)
async def publish(
    request: Request[Any, Any, Any],
    principal: Given[Principal],
    publishing: Given[Publishing],
) -> Accepted:
    """202 once Kafka has what was sound; the rest is told by index. Sending the same again is safe:
    an interaction is known by its source and id."""
    media_type = media_type_of(request, (STRUCTURED, BATCH, JSON))
    body = await request.body()
    if media_type == BATCH:
        return await publishing.batch(principal.tenant, body)
    return await publishing.one(principal.tenant, body)


PUBLISHING_ROUTES: list[HTTPRouteHandler] = [publish]
