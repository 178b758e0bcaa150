"""The pages as one router: its guard, what its routes ask for by name, how its errors look."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from litestar import Request, Router
from litestar.di import NamedDependency as Given
from litestar.di import Provide

from app.api.access import Access
from app.api.principal import PUBLIC, Principal
from app.api.ui.account_pages import ACCOUNT_PAGES
from app.api.ui.answers import Answers
from app.api.ui.assets import ASSET_ROUTES, Assets
from app.api.ui.contact_page import CONTACT_PAGES
from app.api.ui.forms import Form, read_form
from app.api.ui.funnel_page import FUNNEL_PAGES
from app.api.ui.guarding import page_guard
from app.api.ui.model_pages import MODEL_PAGES, RulesOf
from app.api.ui.operation_pages import OPERATION_PAGES
from app.api.ui.queue_page import QUEUE_PAGES
from app.api.ui.rendering import Renderer
from app.api.ui.sessions import Sessions
from app.api.ui.signing_in import SIGNING_ROUTES
from app.domain.interaction import Microseconds

PAGES = (
    *ASSET_ROUTES,
    *SIGNING_ROUTES,
    *FUNNEL_PAGES,
    *QUEUE_PAGES,
    *CONTACT_PAGES,
    *ACCOUNT_PAGES,
    *MODEL_PAGES,
    *OPERATION_PAGES,
)


class PageSettings(NamedTuple):
    session_key: str
    session_max_age_seconds: float
    proxies: Sequence[str]
    """Networks of reverse proxies that sign people in."""
    version: str


def make_pages(
    access: Access,
    clock: Callable[[], Microseconds],
    settings: PageSettings,
    parts: Mapping[str, Any],
) -> Router:
    """`parts`: what pages read from, by the names they ask by, beside those of the application."""
    assets = Assets()
    renderer = Renderer(assets, clock, settings.version)
    sessions = Sessions(
        access,
        settings.session_key,
        lambda: clock() / 1_000_000,
        max_age_seconds=settings.session_max_age_seconds,
        proxies=settings.proxies,
    )
    own = {**parts, "assets": assets, "renderer": renderer, "sessions": sessions}
    return Router(
        "/",
        route_handlers=list(PAGES),
        guards=[page_guard(sessions)],
        opt={PUBLIC: True},  # to the guard of tokens: pages have one of their own
        exception_handlers=Answers(renderer).handlers,
        dependencies={
            **{name: _always(part) for name, part in own.items()},
            "form": Provide(_form),
            "stages": Provide(_stages),
        },
        include_in_schema=False,
    )


async def _form(request: Request[Any, Any, Any], sessions: Given[Sessions]) -> Form:
    return await read_form(request, sessions)


async def _stages(principal: Given[Principal], rules_of_tenant: Given[RulesOf]) -> list[str]:
    """Of the model that decides for the principal's tenant."""
    return list((await rules_of_tenant(principal.tenant)).stages)


def _always(part: Any) -> Provide:
    return Provide(lambda: part, sync_to_thread=False)
