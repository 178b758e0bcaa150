"""POST /v1/models/{m}/activate: another model decides about the token's tenant; how far that is."""

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from app.api.activating import Activating, Asked
from app.api.activation_reading import ActivationReading
from app.api.activation_shapes import (
    ActivateOperation,
    Activation,
    ActivationBody,
    ActivationList,
)
from app.api.bodies import media_type_of
from app.api.commands import (
    ACTOR_MAX_CHARS,
    SOURCE,
    Commands,
    IdempotencyKey,
    Preferred,
    command_id,
    fingerprint,
)
from app.api.contacts import decoded_key
from app.api.cursor import Limit
from app.api.decoding import decode_body
from app.api.describing import WITH_BODY, needs
from app.api.model_library import ModelLibrary
from app.api.principal import Principal, Scope
from app.api.problems import FieldError, Problem
from app.domain.command_outcome import CommandState
from app.domain.rewriting import ACTIVATED
from app.domain.timeline import Mode
from app.errors import ModelError
from app.storage.command_queries import NewCommand, StoredCommand

BODY_MAX_BYTES: Final = 4 * 1024


class Activations:
    """As people ask for them."""

    def __init__(self, library: ModelLibrary, activating: Activating, commands: Commands) -> None:
        self._library = library
        self._activating = activating
        self._commands = commands

    async def ask(
        self, principal: Principal, model: str, mode: Mode, idempotency_key: str
    ) -> tuple[StoredCommand, Asked]:
        """Noted, and sent to every partition unless it is decided. Problem 404, 409, 422;
        Unavailable."""
        tenant, actor = principal.tenant, principal.actor[:ACTOR_MAX_CHARS]
        loaded = await self._library.linted(tenant, model)
        id_ = command_id(principal, idempotency_key)
        new = NewCommand(
            tenant, id_, None, ACTIVATED, SOURCE, actor, Scope.MODELS_WRITE,
            fingerprint(idempotency_key, ACTIVATED, loaded.content_hash, mode),
        )  # fmt: skip
        activating = self._activating
        try:
            async with activating.alone(tenant):
                standing = await activating.prepare(tenant, loaded.definition, actor)
                stored = await self._commands.note(new)
                asked = activating.asked(tenant, standing, mode, id_, since=stored.received_at)
                if stored.state is CommandState.PENDING:
                    await activating.send(asked, actor, SOURCE)
        except ModelError as refused:
            errors = [FieldError("model", str(refused))]
            raise Problem(409, "not-activated", str(refused), errors=errors) from None
        return stored, asked


ACTIVATES: dict[str, Any] = needs(
    Scope.MODELS_WRITE, "Models", ActivateOperation, (*WITH_BODY, 409)
)
ACTIVATES["responses"][200] = ResponseSpec(
    Activation, description="It was waited for, and is decided.", generate_examples=False
)


@post(
    "/models/{model:str}/activate",
    summary="Let another model decide about the tenant's contacts",
    status_code=202,
    request_max_body_size=BODY_MAX_BYTES,
    **ACTIVATES,
)
async def activate(
    request: Request[Any, Any, Any],
    model: FromPath[str],
    principal: Given[Principal],
    activations: Given[Activations],
    activation_reading: Given[ActivationReading],
    commands: Given[Commands],
    idempotency_key: IdempotencyKey,
    prefer: Preferred = None,  # noqa: ARG001 - described here, and read where it may stand twice
) -> Response[Activation]:
    """From a minute on (a tenant without contacts: at once). The model is linted and kept first: a
    version never changes. Look before with `/simulate`. 202 once Kafka has it; with `Prefer:
    wait=5` 200 once a lane has decided it. Ask at Location how far the contacts are."""
    media_type_of(request, ("application/json",))
    mode = decode_body(await request.body(), ActivationBody).mode
    name = decoded_key(model, "model")
    sent, asked = await activations.ask(principal, name, mode, idempotency_key)
    prefers = request.headers.getall("prefer", [])
    sent, status, headers = await commands.preferred(sent, prefers)
    headers["location"] = f"/v1/activations/{sent.command_id}"
    shown = await activation_reading.shown(sent, asked)
    return Response(shown, status_code=status, headers=headers)


@get(
    "/activations",
    summary="Which models were activated, newest first",
    **needs(Scope.CONTACTS_READ, "Models"),
)
async def list_activations(
    principal: Given[Principal],
    activation_reading: Given[ActivationReading],
    limit: Limit = 50,
) -> ActivationList:
    """Of the token's tenant. Where there is none, the model of the service's settings decides."""
    return ActivationList(await activation_reading.latest(principal.tenant, limit))


@get(
    "/activations/{activation_id:str}",
    summary="How far an activation is",
    **needs(Scope.MODELS_WRITE, "Models"),
)
async def activation(
    activation_id: FromPath[str],
    principal: Given[Principal],
    activation_reading: Given[ActivationReading],
) -> Activation:
    return await activation_reading.known(principal.tenant, activation_id)


ACTIVATION_ROUTES: list[HTTPRouteHandler] = [activate, list_activations, activation]
