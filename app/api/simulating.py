"""POST /v1/models/{m}/simulate: who would be elsewhere under a model, as a job with progress."""

from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec.structs import asdict

from app.api.contacts import decoded_key
from app.api.describing import USUAL, Described, describe_header, needs
from app.api.model_library import ModelLibrary
from app.api.principal import Principal, Scope
from app.api.simulated_movers import Elsewhere
from app.api.simulations import Simulation, Simulations
from app.domain.timestamps import format_rfc3339
from app.domain.what_if_report import Lack, Month, PairCount, Report


@dataclass
class SimulateOperation(Described):
    def __post_init__(self) -> None:
        super().__post_init__()
        text = "Where to ask how far it is."
        describe_header(self.responses or {}, 202, "Location", text)


STARTS: dict[str, Any] = needs(
    Scope.MODELS_WRITE, "Models", SimulateOperation, problems=(*USUAL, 429)
)
READS: dict[str, Any] = needs(Scope.MODELS_WRITE, "Models")


class SimulatedStage(msgspec.Struct, frozen=True):
    """Contacts in it."""

    stage: str
    current: int
    candidate: int


class SimulatedMove(msgspec.Struct, frozen=True):
    transition: str
    from_stage: str
    to_stage: str
    current: int
    candidate: int


class SimulationReport(msgspec.Struct, frozen=True):
    """Pairs are of the model in force and of the other one."""

    current: str
    candidate: str
    until: str
    contacts: int
    interactions: int
    movers: int
    same_stage_other_history: int
    handoffs: tuple[int, int]
    customers: tuple[int, int]
    pairs: list[PairCount]
    stages: list[SimulatedStage]
    moves: list[SimulatedMove]
    months: list[Month]
    lacking: list[Lack]
    samples: list[Elsewhere]
    """A few of each pair; all: GET /v1/simulations/{id}/movers."""
    refused: int
    refusal: str | None
    notes: list[str]


class SimulationAnswer(msgspec.Struct, frozen=True):
    """Known to the process that runs it, until that ends or many newer ones are done."""

    simulation_id: str
    model: str
    actor: str
    started_at: str
    state: str
    """running, done or failed."""
    contacts_read: int
    contacts: int
    """About so many in all."""
    problem: str | None
    report: SimulationReport | None


@post(
    "/models/{model:str}/simulate",
    summary="Ask what a model would have made of the real history",
    status_code=202,
    **STARTS,
)
async def simulate(
    model: FromPath[str],
    principal: Given[Principal],
    models: Given[ModelLibrary],
    simulations: Given[Simulations],
) -> Response[SimulationAnswer]:
    """Of all contacts of the token's tenant; nothing is written. `Location` says where to ask how
    far it is. A bounded number runs at once: 429 says to come again."""
    loaded = await models.loaded(principal.tenant, decoded_key(model, "model"))
    job = simulations.start(principal.tenant, principal.actor, loaded.name, loaded.definition)
    return Response(
        answer_of(job), status_code=202, headers={"location": f"/v1/simulations/{job.id}"}
    )


@get("/simulations/{simulation_id:str}", summary="How far a simulation is, what it found", **READS)
async def simulation(
    simulation_id: FromPath[str],
    principal: Given[Principal],
    simulations: Given[Simulations],
) -> SimulationAnswer:
    return answer_of(simulations.find(principal.tenant, simulation_id))


def answer_of(job: Simulation) -> SimulationAnswer:
    return SimulationAnswer(
        job.id,
        job.model,
        job.actor,
        job.started_at,
        job.state,
        job.contacts_read,
        job.contacts,
        job.problem,
        None if job.report is None else _report(job.report),
    )


def _report(found: Report) -> SimulationReport:
    return SimulationReport(
        current=found.current,
        candidate=found.candidate,
        until=format_rfc3339(found.until),
        contacts=found.contacts,
        interactions=found.interactions,
        movers=found.movers,
        same_stage_other_history=found.same_stage_other_history,
        handoffs=found.handoffs,
        customers=found.customers,
        pairs=found.pairs,
        stages=[SimulatedStage(**asdict(each)) for each in found.stages],
        moves=[SimulatedMove(**asdict(each)) for each in found.transitions],
        months=found.months,
        lacking=found.lacking,
        samples=[Elsewhere(each.contact_id, each.now, each.then) for each in found.samples],
        refused=found.refused,
        refusal=found.refusal,
        notes=found.notes,
    )


SIMULATION_ROUTES: list[HTTPRouteHandler] = [simulate, simulation]
