"""Who may see which page: denied unless the session's token has the page's scope."""

from typing import Any, Final

from litestar.handlers.base import BaseRouteHandler
from litestar.types import Guard

from app.api.access import allow, forbidden
from app.api.principal import NEEDS, Scope
from app.api.ui.forms import refuse_foreign
from app.api.ui.sessions import Connection, Sessions

SAFE: Final = ("GET", "HEAD")
UNSIGNED: Final = "is_unsigned"
"""Of the pages that those may see who have not signed in."""


def page_guard(sessions: Sessions) -> Guard:
    """A function: the framework copies what it is given, but not functions."""

    async def guard(connection: Connection, route: BaseRouteHandler) -> None:
        """Raises SignedOut; Problem 403."""
        if connection.scope.get("method") not in SAFE:
            refuse_foreign(connection)
        if route.opt.get(UNSIGNED) is True:
            return
        session = await sessions.of(connection)
        connection.state.session = session
        connection.state.principal = session.principal
        scope = route.opt.get(NEEDS)
        if scope is SIGNED_IN:
            return
        if not isinstance(scope, Scope):
            raise forbidden("nobody may see this: the page names no scope")
        allow(session.principal, scope)

    return guard


SIGNED_IN: Final = "signed-in"
"""In the place of a scope: whoever has signed in."""


def page(scope: Scope | str) -> dict[str, Any]:
    """What a page says of itself."""
    return {"opt": {NEEDS: scope}, "include_in_schema": False}


def unsigned() -> dict[str, Any]:
    return {"opt": {UNSIGNED: True}, "include_in_schema": False}
