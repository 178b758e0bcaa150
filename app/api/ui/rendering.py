"""Pages from templates: everything that is put in is escaped, nothing is written inline."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Request, Response
from litestar.enums import MediaType

from app.api.principal import Principal, Scope
from app.api.ui import words
from app.api.ui.assets import Assets
from app.api.ui.sessions import Session
from app.api.ui.told import told_of, values_of
from app.domain.interaction import Microseconds
from app.domain.timestamps import format_rfc3339

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
    "vary": "Cookie, HX-Request",
}
PLACES: Final = (
    ("funnel", "/funnel", "Funnel", Scope.CONTACTS_READ),
    ("queue", "/queue", "Queue", Scope.CONTACTS_READ),
    ("accounts", "/accounts", "Accounts", Scope.CONTACTS_READ),
    ("models", "/models", "Models", Scope.CONTACTS_READ),
    ("operations", "/operations", "Operations", Scope.OPS_READ),
)
"""name, address, title, needed scope"""


class Renderer:
    def __init__(self, assets: Assets, clock: Callable[[], Microseconds], version: str) -> None:
        self._clock = clock
        self._environment = Environment(
            loader=PackageLoader(__package__, "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            number=words.number,
            share=words.share,
            span=words.span,
            plain_moment=words.plain_moment,
            label=words.label,
            month=words.month,
            plainly=words.plainly,
            effect_label=words.effect_label,
            told_of=told_of,
            values_of=values_of,
            guard_label=words.guard_label,
            timer_label=words.timer_label,
            type_label=words.type_label,
            field_text=words.field_text,
            rfc3339=format_rfc3339,
            part=lambda text: quote(text, safe=""),
            capitalize_first=lambda text: text[:1].upper() + text[1:],
            seconds_until=self._seconds_until,
        )
        self._environment.globals.update(
            asset=assets.address, link=link, version=version, Scope=Scope, places=PLACES
        )
        self._environment.globals["ui"] = self._environment.get_template("macros.html").module

    def page(
        self, request: Request[Any, Any, Any], template: str, status: int = 200, **values: Any
    ) -> Response[str]:
        session: Session | None = request.state.get("session")
        text = self._environment.get_template(template).render(
            session=session,
            principal=None if session is None else session.principal,
            can=_may(None if session is None else session.principal),
            now=format_rfc3339(self._clock()),
            path=request.url.path,
            layout="part.html" if is_partial(request) else "base.html",
            **values,
        )
        return Response(text, status_code=status, media_type=MediaType.HTML, headers=dict(HEADERS))

    def part(self, template: str, **values: Any) -> str:
        return self._environment.get_template(template).render(**values)

    def is_partial(self, request: Request[Any, Any, Any]) -> bool:
        return is_partial(request)

    def _seconds_until(self, rfc3339: str) -> float:
        """Negative: it is over."""
        return words.moment_of(rfc3339).timestamp() - self._clock() / 1_000_000


def link(address: str, **query: Any) -> str:
    """With what is given of the query."""
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{address}?{urlencode(given)}" if given else address


def _may(principal: Principal | None) -> Callable[[Scope], bool]:
    return lambda scope: principal is not None and scope in principal.scopes


def is_partial(request: Request[Any, Any, Any]) -> bool:
    """HTMX asks for a part of the page."""
    return request.headers.get("hx-request") == "true" and "hx-boosted" not in request.headers
