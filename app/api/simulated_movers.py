"""GET /v1/simulations/{id}/movers: who would be elsewhere, all by name, as JSON or CSV."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, cast

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from app.api.cursor import After, Limit, Number, cursor_of, key_of
from app.api.describing import USUAL, needs
from app.api.principal import Principal, Scope
from app.api.problems import Problem
from app.api.simulations import Simulation, Simulations
from app.api.tabular import Tabular, table, wants_table
from app.domain.what_if_report import Mover

READS: dict[str, Any] = needs(Scope.MODELS_WRITE, "Models", Tabular, problems=(*USUAL, 409))
COLUMNS: Final = ("contact_id", "now", "then")
StageNow = Annotated[
    str | None, QueryParameter(max_length=64, description="Only those in this stage; none: in no.")
]
StageThen = Annotated[
    str | None, QueryParameter(max_length=64, description="Only those that would be in this one.")
]


class Elsewhere(msgspec.Struct, frozen=True):
    """A contact that would move."""

    contact_id: str
    now: str
    then: str


class MoverPage(msgspec.Struct, frozen=True):
    items: list[Elsewhere]
    next: str | None
    is_cut: bool
    """More would move than are kept by name: the report's numbers are of all of them."""


def movers_of(job: Simulation, now: str | None, then: str | None) -> list[Mover]:
    """By the stage they are in, the one they would be in, and key. Problem 409: it is not done."""
    if job.report is None:
        detail = f"it is {job.state}: nobody can say yet who would move"
        raise Problem(409, "not-done", detail)
    return [each for each in job.report.listed if _is_one(each, now, then)]


def page_of(
    job: Simulation, now: str | None, then: str | None, limit: int, after: str | None
) -> MoverPage:
    """Problem 409; 422: `after` is none of ours."""
    found = movers_of(job, now, then)
    start = key_of(after, Number) or 0
    items = [
        Elsewhere(each.contact_id, each.now, each.then) for each in found[start : start + limit]
    ]
    is_more = start + limit < len(found)
    return MoverPage(items, cursor_of(start + limit) if is_more else None, is_cut(job))


def is_cut(job: Simulation) -> bool:
    return job.report is not None and len(job.report.listed) < job.report.movers


def movers_table(found: Sequence[Mover]) -> Stream:
    async def pages() -> AsyncIterator[list[list[object]]]:
        yield [[each.contact_id, each.now, each.then] for each in found]

    return table("movers", COLUMNS, pages())


@get("/simulations/{simulation_id:str}/movers", summary="Who would move, by name", **READS)
async def movers(
    request: Request[Any, Any, Any],
    simulation_id: FromPath[str],
    principal: Given[Principal],
    simulations: Given[Simulations],
    now: StageNow = None,
    then: StageThen = None,
    limit: Limit = 50,
    after: After = None,
) -> Response[MoverPage]:
    """Up to 10,000 are kept by name. As `text/csv`: all that are, whatever `limit` says."""
    job = simulations.find(principal.tenant, simulation_id)
    if wants_table(request):
        return cast(Response[MoverPage], movers_table(movers_of(job, now, then)))
    return Response(page_of(job, now, then, limit, after))


def _is_one(mover: Mover, now: str | None, then: str | None) -> bool:
    return now in (None, mover.now) and then in (None, mover.then)


MOVER_ROUTES: list[HTTPRouteHandler] = [movers]
