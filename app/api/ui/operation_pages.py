"""Operations: how far behind the lanes are, who owns what, and what could not be processed."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect

from app.api.cursor import After
from app.api.database import Database
from app.api.dead_letter_reading import read_letters, redrive_letter
from app.api.dead_letter_shapes import DeadLetterPage
from app.api.intake import Intake
from app.api.lag import LagReading
from app.api.partitions import PartitionReading
from app.api.principal import Principal, Scope
from app.api.ui.forms import BODY_MAX_BYTES, Form
from app.api.ui.guarding import page
from app.api.ui.lane_figures import Figures, figures_of
from app.api.ui.rendering import Renderer, link
from app.api.ui.throughput import Throughput
from app.domain.reasons import Reason
from app.storage.dead_letter_queries import Wanted

LETTERS: Final = 25
_Reason = Annotated[str | None, QueryParameter(max_length=64)]
_Sent = Annotated[int | None, QueryParameter(name="sent")]


@get("/operations", **page(Scope.OPS_READ))
async def operations_page(
    request: Request[Any, Any, Any],
    partition_reading: Given[PartitionReading],
    lags: Given[LagReading],
    throughput: Given[Throughput],
    database: Given[Database],
    renderer: Given[Renderer],
) -> Response[Any]:
    """HTMX asks for the figures again every few seconds."""
    figures = await _figures(partition_reading, lags, throughput)
    recent = await read_letters(database, Wanted(), limit=5, after=None)
    return renderer.page(
        request,
        "operations.html",
        here="operations",
        figures=figures,
        rate=throughput.per_second(),
        recent=recent,
    )


async def _figures(lanes: PartitionReading, lags: LagReading, throughput: Throughput) -> Figures:
    figures = figures_of(await lags.partitions(), await lanes.all())
    throughput.saw(figures.applied)
    return figures


@post(
    "/operations/partitions/{lane:str}/{partition:int}/resume",
    request_max_body_size=BODY_MAX_BYTES,
    status_code=303,
    **page(Scope.OPS_WRITE),
)
async def resume(
    lane: FromPath[str],
    partition: FromPath[int],
    partition_reading: Given[PartitionReading],
    form: Given[Form],  # noqa: ARG001 - it was ours
) -> Response[Any]:
    await partition_reading.resume(lane, partition)
    return Redirect("/operations", status_code=303)


@get("/operations/dead-letters", **page(Scope.OPS_READ))
async def dead_letters_page(
    request: Request[Any, Any, Any],
    database: Given[Database],
    renderer: Given[Renderer],
    reason: _Reason = None,
    after: After = None,
    sent: _Sent = None,
) -> Response[Any]:
    if reason and reason not in set(Reason):
        found = DeadLetterPage([], None)
    else:
        wanted = Wanted(reason=Reason(reason) if reason else None)
        found = await read_letters(database, wanted, limit=LETTERS, after=after)
    return renderer.page(
        request,
        "dead_letters.html",
        here="operations",
        found=found,
        reason=reason,
        reasons=list(Reason),
        following=link(request.url.path, reason=reason, after=found.next) if found.next else None,
        sent=sent,
    )


@post(
    "/operations/dead-letters/{letter_id:int}/redrive",
    request_max_body_size=BODY_MAX_BYTES,
    status_code=303,
    **page(Scope.OPS_WRITE),
)
async def redrive(
    letter_id: FromPath[int],
    principal: Given[Principal],
    database: Given[Database],
    intake: Given[Intake],
    form: Given[Form],
) -> Response[Any]:
    await redrive_letter(database, intake, principal.actor, letter_id)
    address = link("/operations/dead-letters", reason=form.get("reason"), sent=letter_id)
    return Redirect(address, status_code=303)


OPERATION_PAGES: list[HTTPRouteHandler] = [
    operations_page, resume, dead_letters_page, redrive,
]  # fmt: skip
