"""Models: the funnel's rules drawn, told in words, compared, and tried on the real history."""

from collections.abc import Awaitable, Callable, Mapping
from secrets import token_urlsafe
from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect, Stream

from app.api.activation_reading import ActivationReading
from app.api.activations import Activations
from app.api.commands import Commands
from app.api.contacts import decoded_key
from app.api.cursor import After
from app.api.model_library import ModelLibrary
from app.api.principal import Principal, Scope
from app.api.problems import wrong_field
from app.api.simulated_movers import (
    StageNow,
    StageThen,
    movers_of,
    movers_table,
    page_of,
)
from app.api.simulations import Simulations
from app.api.ui.chart_drawing import draw
from app.api.ui.forms import BODY_MAX_BYTES, KEY_BYTES, Form, confirmed, key_of
from app.api.ui.guarding import page
from app.api.ui.rendering import Renderer, link
from app.domain.difference import difference
from app.domain.explanation import Explanation
from app.domain.glossary import glossary_of
from app.domain.rules import Rules
from app.domain.state import CUSTOMER, OPPORTUNITY, PROSPECT
from app.domain.timeline import Mode
from app.domain.timestamps import format_rfc3339
from app.domain.what_if_report import Report, Sample

RulesOf = Callable[[str], Awaitable[Rules]]
"""What was activated last for a tenant."""
SAMPLES: Final = 40
MOVERS: Final = 50
ACTIVATIONS: Final = 20
WAIT_SECONDS: Final = 5
MODES: Final[Mapping[str, Mode]] = {"forward": "forward", "refold": "refold"}
WAYS_UP: Final = (PROSPECT, OPPORTUNITY, CUSTOMER)
AskedFor = Annotated[str | None, QueryParameter(name="asked", max_length=64)]
With = Annotated[str | None, QueryParameter(name="with", max_length=128)]


@get("/models", **page(Scope.CONTACTS_READ))
async def models_page(
    request: Request[Any, Any, Any],
    principal: Given[Principal],
    models: Given[ModelLibrary],
    activation_reading: Given[ActivationReading],
    simulations: Given[Simulations],
    rules_of_tenant: Given[RulesOf],
    renderer: Given[Renderer],
    asked: AskedFor = None,
) -> Response[Any]:
    deciding = await rules_of_tenant(principal.tenant)
    return renderer.page(
        request,
        "models.html",
        here="models",
        deciding=deciding,
        drawing=draw(deciding),
        entries=await models.entries(principal.tenant),
        activations=await activation_reading.latest(principal.tenant, ACTIVATIONS),
        asked=await activation_reading.find(principal.tenant, asked) if asked else None,
        simulations=simulations.of(principal.tenant),
    )


@get("/models/{model:str}", **page(Scope.CONTACTS_READ))
async def model_page(
    request: Request[Any, Any, Any],
    model: FromPath[str],
    principal: Given[Principal],
    models: Given[ModelLibrary],
    rules_of_tenant: Given[RulesOf],
    renderer: Given[Renderer],
    other: With = None,
) -> Response[Any]:
    loaded = await models.loaded(principal.tenant, decoded_key(model, "model"))
    deciding = await rules_of_tenant(principal.tenant)
    entries = await models.entries(principal.tenant)
    names = [each.model for each in entries if each.error is None]
    against = other or (deciding.ref if deciding.ref in names else names[0])
    base = await models.loaded(principal.tenant, against)
    changes = difference(base.definition, loaded.definition)
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
        key=token_urlsafe(KEY_BYTES),
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
    models: Given[ModelLibrary],
    simulations: Given[Simulations],
    form: Given[Form],  # noqa: ARG001 - it was ours
) -> Response[Any]:
    loaded = await models.loaded(principal.tenant, decoded_key(model, "model"))
    job = simulations.start(principal.tenant, principal.actor, loaded.name, loaded.definition)
    return Redirect(f"/simulations/{job.id}", status_code=303)


@post(
    "/models/{model:str}/activate",
    request_max_body_size=BODY_MAX_BYTES,
    status_code=303,
    **page(Scope.MODELS_WRITE),
)
async def activate_model(
    model: FromPath[str],
    principal: Given[Principal],
    activations: Given[Activations],
    commands: Given[Commands],
    form: Given[Form],
) -> Response[Any]:
    """The form's own key: sent twice, it counts once."""
    mode, name = MODES.get(form.get("mode", "")), decoded_key(model, "model")
    if mode is None:
        raise wrong_field("mode", f"must be one of {', '.join(MODES)}")
    confirmed(form)
    once = key_of(form)
    asked, _ = await activations.ask(principal, name, mode, once)
    await commands.wait(asked, WAIT_SECONDS)
    return Redirect(f"/models?asked={asked.command_id}", status_code=303)


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


@get("/simulations/{simulation_id:str}/movers", **page(Scope.MODELS_WRITE))
async def movers_page(
    request: Request[Any, Any, Any],
    simulation_id: FromPath[str],
    principal: Given[Principal],
    simulations: Given[Simulations],
    renderer: Given[Renderer],
    now: StageNow = None,
    then: StageThen = None,
    after: After = None,
) -> Response[Any]:
    """HTMX asks for what follows (`after`)."""
    job = simulations.find(principal.tenant, simulation_id)
    found = page_of(job, now or None, then or None, MOVERS, after)
    address = f"/simulations/{job.id}/movers"
    following = link(address, now=now, then=then, after=found.next) if found.next else None
    return renderer.page(
        request,
        "mover_rows.html" if after else "movers.html",
        here="models",
        job=job,
        report=job.report,
        found=found,
        only={"now": now or None, "then": then or None},
        following=following,
    )


@get("/simulations/{simulation_id:str}/movers.csv", **page(Scope.MODELS_WRITE))
async def movers_csv(
    simulation_id: FromPath[str],
    principal: Given[Principal],
    simulations: Given[Simulations],
    now: StageNow = None,
    then: StageThen = None,
) -> Stream:
    """All of them."""
    job = simulations.find(principal.tenant, simulation_id)
    return movers_table(movers_of(job, now or None, then or None))


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


MODEL_PAGES: list[HTTPRouteHandler] = [
    models_page,
    model_page,
    simulate_model,
    activate_model,
    simulation_page,
    movers_page,
    movers_csv,
]
