"""What goes wrong on a page, as a page: what it was, and what to do."""

from typing import Any, Final
from urllib.parse import urlsplit

from litestar import Request, Response
from litestar.enums import MediaType
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from app.api.answering import problem_of, problem_of_bug, problem_of_funnel
from app.api.problems import Problem
from app.api.ui.rendering import Renderer, is_partial, link
from app.api.ui.sessions import SignedOut
from app.errors import FunnelError

SIGN_IN: Final = "/sign-in"
_TITLES: Final = {
    401: "Please sign in again",
    403: "This is not yours to see",
    404: "Nothing here",
    409: "That no longer holds",
    413: "Too much at once",
    422: "Something is not right",
    503: "Not available right now",
    504: "That took too long",
}


class Answers:
    """The exception handlers of the pages."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self.handlers: Any = {
            SignedOut: lambda request, _: self.signed_out(request),
            Problem: lambda request, failed: self._told(request, failed),
            HTTPException: lambda request, failed: self._told(request, problem_of(failed)),
            FunnelError: lambda request, failed: self._told(request, problem_of_funnel(failed)),
            Exception: lambda request, bug: self._told(request, problem_of_bug(bug)),
        }
        """Functions: the framework copies what it is given, but not these."""

    def signed_out(self, request: Request[Any, Any, Any]) -> Response[Any]:
        if request.headers.get("hx-request") == "true":
            shown = urlsplit(request.headers.get("hx-current-url", ""))
            page = _place(shown.path, shown.query)
            return Response("", status_code=204, headers={"hx-redirect": link(SIGN_IN, next=page)})
        url = request.url
        is_page = request.method == "GET" and url.path != "/"
        then = _place(url.path, url.query) if is_page else None
        return Redirect(link(SIGN_IN, next=then), status_code=303)

    def _told(self, request: Request[Any, Any, Any], problem: Problem) -> Response[Any]:
        details = problem.details
        title = _TITLES.get(details.status, "Something went wrong")
        if is_partial(request):
            return Response(
                f"{title}: {details.detail}",
                status_code=details.status,
                media_type=MediaType.TEXT,
            )
        return self._renderer.page(
            request, "error.html", details.status, title=title, problem=details, here=None
        )


def _place(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path
