"""The HTTP application: routes, access, problems, limits, published as OpenAPI 3.1."""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Litestar, Router
from litestar.config.app import AppConfig
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag

from app.api.access import Access
from app.api.accounts import account_key
from app.api.answering import HANDLERS
from app.api.contacts import contact_key
from app.api.describing import exemplify
from app.api.examples import ANSWERS
from app.api.linking import LinkedConfig
from app.api.principal import PUBLIC, principal_of

DESCRIPTION = """\
Interactions in, stages out. Errors are problems (RFC 9457) that name the field and what to do.

A token says the tenant and the scopes: `Authorization: Bearer <token>`, a static one or a JWT.
Lists are paged: give the `next` of an answer as `after` of the following question.
"""


def make_application(
    routes: Sequence[HTTPRouteHandler],
    probes: Sequence[HTTPRouteHandler],
    access: Access,
    *,
    parts: Mapping[str, Any],
    version: str,
    request_max_bytes: int,
    pages: Sequence[Router] = (),
) -> Litestar:
    """`routes` stand below /v1, `probes` and `pages` at the root; `parts` are what routes ask for
    by name."""
    exemplify(ANSWERS)
    v1 = Router("/v1", route_handlers=list(routes))
    return Litestar(
        route_handlers=[v1, *probes, *pages],
        guards=[access.guard],
        dependencies={**_OF_THE_REQUEST, **{name: _always(parts[name]) for name in parts}},
        exception_handlers=HANDLERS,  # type: ignore[arg-type]  # each takes its own exception
        openapi_config=_openapi(version),
        request_max_body_size=request_max_bytes,
        on_app_init=[_without_logging],
    )


def make_probes(probes: Sequence[HTTPRouteHandler]) -> Litestar:
    """For a private port: open to whoever reaches it."""
    return Litestar(
        route_handlers=list(probes),
        exception_handlers=HANDLERS,  # type: ignore[arg-type]  # each takes its own exception
        openapi_config=None,
        on_app_init=[_without_logging],
    )


_OF_THE_REQUEST = {
    "principal": Provide(principal_of, sync_to_thread=False),
    "key": Provide(contact_key, sync_to_thread=False),
    "account_key": Provide(account_key, sync_to_thread=False),
}


def _always(part: Any) -> Provide:
    return Provide(lambda: part, sync_to_thread=False)


def _without_logging(config: AppConfig) -> AppConfig:
    """Logs are set up by the process, and its handlers say what went wrong."""
    config.logging_config = None
    return config


def _openapi(version: str) -> OpenAPIConfig:
    return LinkedConfig(
        title="Funnel",
        version=version,
        description=DESCRIPTION,
        use_handler_docstrings=True,
        create_examples=False,
        operation_id_creator=lambda handler, _method, _path: handler.handler_name,
        path="/schema",
        openapi_router=Router(
            "/schema", route_handlers=[], opt={PUBLIC: True}, include_in_schema=False
        ),
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        components=Components(security_schemes={"bearer": _BEARER}),
        tags=[
            Tag("Interactions", "What happened, from any service"),
            Tag("Contacts", "Stage, history, reasons; and what people decide"),
            Tag("Funnel", "Counts, conversion, velocity, drop-off, forecast"),
            Tag("Accounts", "Organisations as their contacts make them"),
            Tag("Live", "What happens, as it happens"),
            Tag("Models", "The funnel's rules"),
            Tag("Webhooks", "Events to receivers, signed as Standard Webhooks"),
            Tag("Operations", "Dead letters, lag, probes"),
        ],
    )


_BEARER = SecurityScheme(
    type="http", scheme="bearer", description="A static token, or a JWT of the set issuer"
)
