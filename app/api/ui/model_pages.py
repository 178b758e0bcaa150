"""Models: the funnel's rules drawn, told in words, compared, and tried on the real history."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect

from app.api.contacts import decoded_key
from app.api.database import Database
from app.api.models import ModelFiles
from app.api.principal import Principal, Scope
from app.api.simulations import Simulations
from app.api.ui.activations import read_activations
from app.api.ui.chart_drawing import draw
from app.api.ui.forms import BODY_MAX_BYTES, Form
from app.api.ui.guarding import page
from app.api.ui.rendering import Renderer
from app.domain.difference import difference
from app.domain.explanation import Explanation
from app.domain.glossary import glossary_of
from app.domain.rules import Rules
from app.domain.state import CUSTOMER, OPPORTUNITY, PROSPECT
from app.domain.timestamps import format_rfc3339
from app.domain.what_if_report import Report, Sample

RulesOf = Callable[[str], Awaitable[Rules]]
"""What was activated last for a tenant."""
SAMPLES: Final = 40
WAYS_UP: Final = (PROSPECT, OPPORTUNITY, CUSTOMER)
With = Annotated[str | None, QueryParameter(name="with", max_length=128)]


@get("/models", **page(Scope.CONTACTS_READ))
async def models_page(
    request: Request[Any, Any, Any],
    principal: Given[Principal],
    models: Given[ModelFiles],
    database: Given[Database],
    simulations: Given[Simulations],
    rules_of_tenant: Given[RulesOf],
    renderer: Given[Renderer],
) -> Response[Any]:
    deciding = await rules_of_tenant(principal.tenant)
    return renderer.page(
        request,
        "models.html",
        here="models",
        deciding=deciding,
        drawing=draw(deciding),
        entries=models.entries(),
        activations=await read_activations(database.engine, principal.tenant),
        simulations=simulations.of(principal.tenant),
    )


@get("/models/{model:str}", **page(Scope.CONTACTS_READ))
async def model_page(
    request: Request[Any, Any, Any],
    model: FromPath[str],
    principal: Given[Principal],
    models: Given[ModelFiles],
    rules_of_tenant: Given[RulesOf],
    renderer: Given[Renderer],
    other: With = None,
) -> Response[Any]:
    loaded = models.loaded(decoded_key(model, "model"))
    deciding = await rules_of_tenant(principal.tenant)
    names = [each.model for each in models.entries() if each.error is None]
    against = other or (deciding.ref if deciding.ref in names else names[0])
    changes = difference(models.loaded(against).definition, loaded.definition)
    return renderer.page(
        request,
        "differences.html" if request.headers.get("hx-target") == "differences" else "model.html",
        here="models",
        model=loaded,
        drawing=draw(loaded.rules),
        glossary=glossary_of(loaded.definition, loaded.rules),
        deciding=deciding,
        names=names,
        against=against,
        changes=changes,
    )


@post(
    "/models/{model:str}/simulate",
    request_max_body_size=BODY_MAX_BYTES,
    status_code=303,
    **page(Scope.MODELS_WRITE),
)
async def simulate_model(
    model: FromPath[str],
    principal: Given[Principal],
    models: Given[ModelFiles],
    simulations: Given[Simulations],
    form: Given[Form],  # noqa: ARG001 - it was ours
) -> Response[Any]:
    loaded = models.loaded(decoded_key(model, "model"))
    job = simulations.start(principal.tenant, principal.actor, loaded.name, loaded.definition)
    return Redirect(f"/simulations/{job.id}", status_code=303)


@get("/simulations/{simulation_id:str}", **page(Scope.MODELS_WRITE))
async def simulation_page(
    request: Request[Any, Any, Any],
    simulation_id: FromPath[str],
    principal: Given[Principal],
    simulations: Given[Simulations],
    renderer: Given[Renderer],
) -> Response[Any]:
    """It asks for itself again while it runs."""
    job = simulations.find(principal.tenant, simulation_id)
    return renderer.page(
        request,
        "simulation.html",
        here="models",
        job=job,
        report=job.report,
        samples=_samples(job.report),
        until=None if job.report is None else format_rfc3339(job.report.until),
    )


def _samples(report: Report | None) -> list[dict[str, Any]]:
    """Who would move, with what decides it or keeps them."""
    if report is None:
        return []
    return [
        {
            "contact_id": each.contact_id,
            "now": each.now,
            "then": each.then,
            "decided": each.decided,
            "decided_at": None
            if each.decided is None
            else format_rfc3339(each.decided.effective_at),
            "blocked": _kept_from(each),
        }
        for each in report.samples[:SAMPLES]
    ]


def _kept_from(sample: Sample) -> list[Explanation]:
    """The ways up that are not open, before those to detours."""
    held = [way for way in sample.blocked if way.guards]
    return sorted(held, key=lambda way: way.to_stage not in WAYS_UP)


MODEL_PAGES: list[HTTPRouteHandler] = [models_page, model_page, simulate_model, simulation_page]
