"""The funnel's rules: which there are, what the linter finds in one, and new ones."""

from typing import Any
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from app.api.bodies import media_type_of
from app.api.contacts import decoded_key
from app.api.describing import WITH_BODY, needs
from app.api.model_library import ModelLibrary
from app.api.model_shapes import (
    JSON,
    MODEL_MAX_BYTES,
    YAML,
    Finding,
    LintAnswer,
    ModelAnswer,
    ModelList,
    ModelOperation,
    model_answer,
)
from app.api.principal import Principal, Scope

READS: dict[str, Any] = needs(Scope.CONTACTS_READ, "Models")
ADDS: dict[str, Any] = needs(Scope.MODELS_WRITE, "Models", ModelOperation, (*WITH_BODY, 409))
ADDS["responses"][200] = ResponseSpec(
    ModelAnswer, description="It was there already, and says the same.", generate_examples=False
)


@get("/models", summary="Every model there is", **READS)
async def list_models(principal: Given[Principal], models: Given[ModelLibrary]) -> ModelList:
    """Those of the service, and those that were uploaded in the token's tenant."""
    return ModelList(await models.entries(principal.tenant))


@post(
    "/models",
    summary="Upload a model",
    status_code=201,
    request_max_body_size=MODEL_MAX_BYTES,
    **ADDS,
)
async def upload_model(
    request: Request[Any, Any, Any], principal: Given[Principal], models: Given[ModelLibrary]
) -> Response[ModelAnswer]:
    """As YAML or JSON, for the token's tenant. It is compiled and linted first: 422 names each
    mistake's line and field, and the mend. A version never changes: the same again is answered with
    200, another content with 409. It decides nothing until it is activated."""
    media_type_of(request, (YAML, JSON))
    loaded, is_new = await models.add(principal.tenant, principal.actor, await request.body())
    headers = {"location": f"/v1/models/{quote(loaded.name, safe='@')}"}
    status = 201 if is_new else 200
    return Response(model_answer(loaded), status_code=status, headers=headers)


@get("/models/{model:str}", summary="A model, complete", **READS)
async def show_model(
    model: FromPath[str], principal: Given[Principal], models: Given[ModelLibrary]
) -> ModelAnswer:
    name = decoded_key(model, "model")
    return model_answer(await models.loaded(principal.tenant, name))


@post(
    "/models/{model:str}/lint",
    summary="Look for mistakes in a model",
    status_code=200,
    **needs(Scope.MODELS_WRITE, "Models"),
)
async def lint(
    model: FromPath[str], principal: Given[Principal], models: Given[ModelLibrary]
) -> LintAnswer:
    name = decoded_key(model, "model")
    found = await models.findings(principal.tenant, name)
    return LintAnswer(name, [Finding(each.rule, each.text) for each in found])


MODEL_ROUTES: list[HTTPRouteHandler] = [list_models, upload_model, show_model, lint]
