"""Signing in with a token, and out again."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.response import Redirect

from app.api.access import TOKEN_MAX_CHARS
from app.api.problems import Problem
from app.api.ui.answers import SIGN_IN
from app.api.ui.forms import BODY_MAX_BYTES, Form, fields_of
from app.api.ui.guarding import SIGNED_IN, page, unsigned
from app.api.ui.rendering import Renderer, link
from app.api.ui.sessions import COOKIE, Sessions

HOME: Final = "/funnel"
Next = Annotated[str | None, QueryParameter(name="next", max_length=2048)]


@get("/", **page(SIGNED_IN))
async def home() -> Response[Any]:
    return Redirect(HOME, status_code=303)


@get(SIGN_IN, **unsigned())
async def sign_in_page(
    request: Request[Any, Any, Any],
    renderer: Given[Renderer],
    sessions: Given[Sessions],
    goes_on: Next = None,
) -> Response[Any]:
    if sessions.is_open:
        return Redirect(HOME, status_code=303)
    return renderer.page(
        request, "sign_in.html", here=None, goes_on=_ours(goes_on), wrong=None, kept=True
    )


@post(SIGN_IN, request_max_body_size=BODY_MAX_BYTES, status_code=303, **unsigned())
async def sign_in(
    request: Request[Any, Any, Any], renderer: Given[Renderer], sessions: Given[Sessions]
) -> Response[Any]:
    """The cookie is then asked for once, so that a browser that did not keep it is told why."""
    form = await fields_of(request)
    goes_on = _ours(form.get("next"))
    token = form.get("token", "")
    try:
        if not 0 < len(token) <= TOKEN_MAX_CHARS:
            raise Problem(401, "wrong-token", "paste the token you were given")
        value = await sessions.begin(token)
    except Problem as refused:
        return renderer.page(
            request,
            "sign_in.html",
            refused.details.status,
            here=None,
            goes_on=goes_on,
            wrong=refused.details.detail,
            kept=True,
        )
    cookie = sessions.cookie(value, request.url.hostname)
    return Redirect(link(f"{SIGN_IN}/kept", next=goes_on), status_code=303, cookies=[cookie])


@get(f"{SIGN_IN}/kept", **unsigned())
async def cookie_was_kept(
    request: Request[Any, Any, Any], renderer: Given[Renderer], goes_on: Next = None
) -> Response[Any]:
    if COOKIE in request.cookies:
        return Redirect(_ours(goes_on) or HOME, status_code=303)
    return renderer.page(
        request, "sign_in.html", 400, here=None, goes_on=_ours(goes_on), wrong=None, kept=False
    )


@post("/sign-out", request_max_body_size=BODY_MAX_BYTES, status_code=303, **page(SIGNED_IN))
async def sign_out(form: Given[Form]) -> Response[Any]:  # noqa: ARG001 - it was ours
    answer: Response[Any] = Redirect(SIGN_IN, status_code=303)
    answer.delete_cookie(COOKIE)
    return answer


def _ours(address: str | None) -> str | None:
    """A page of ours, never another site's."""
    is_ours = address is not None and address.startswith("/") and address[1:2] not in ("/", "\\")
    return address if is_ours and address is not None and address.isprintable() else None


SIGNING_ROUTES: list[HTTPRouteHandler] = [home, sign_in_page, sign_in, cookie_was_kept, sign_out]
