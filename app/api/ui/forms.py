"""What a form brings: read as text, and known to come from a page of ours.

Three things keep other sites from sending one in somebody's name: the cookie does not come along
with their posts (SameSite), the Origin must be ours, and the form must bring the session's proof.
"""

from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from litestar import Request

from app.api.problems import FieldError, Problem
from app.api.ui.sessions import Connection, Sessions

BODY_MAX_BYTES: Final = 64 * 1024
FIELDS_MAX: Final = 64
VALUE_MAX_CHARS: Final = 8192
KEY_OF_FORM: Final = "key"
KEY_BYTES: Final = 16
KEY_MAX_CHARS: Final = 64
PROOF: Final = "proof"
KIND: Final = "application/x-www-form-urlencoded"

Form = Mapping[str, str]


def refuse_foreign(connection: Connection) -> None:
    """Problem 403: another site's page sent it."""
    origin = connection.headers.get("origin")
    host = connection.headers.get("host", "")
    if origin is None:
        if connection.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none"):
            return
    elif _host_of(origin) == host.lower():
        return
    raise Problem(
        403,
        "foreign-form",
        "this was sent from another site's page, so nothing was done: open the page here and send"
        " it again (behind a proxy: it must pass Host on as the browser sent it)",
    )


def confirmed(form: Form) -> None:
    """Problem 422."""
    if form.get("confirmed") != "yes":
        detail = "tick the box to say that you mean it; nothing was done"
        raise Problem(422, "not-confirmed", detail)


def key_of(form: Form) -> str:
    """The form's own: sent twice, it counts once."""
    return form.get(KEY_OF_FORM, "")[:KEY_MAX_CHARS] or token_urlsafe(KEY_BYTES)


def _host_of(origin: str) -> str | None:
    """None: it is no address."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


async def read_form(request: Request[Any, Any, Any], sessions: Sessions) -> Form:
    """Of the session that the guard found. Problem 403, 413, 415, 422."""
    form = await fields_of(request)
    if not sessions.is_proof(request.state.session, form.get(PROOF, "")):
        raise Problem(
            403,
            "stale-form",
            "the page was open for too long, or you have signed in anew since: reload it and send"
            " it again; nothing was done",
        )
    return form


async def fields_of(request: Request[Any, Any, Any]) -> Form:
    """Without empty ones. Problem 413, 415, 422."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != KIND:
        raise Problem(415, "wrong-content-type", f"content-type: must be {KIND}")
    try:
        pairs = parse_qsl(
            (await request.body()).decode(),
            keep_blank_values=True,
            strict_parsing=False,
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError:
        raise Problem(422, "wrong-form", "the form can't be read: reload the page") from None
    for name, value in pairs:
        if len(value) > VALUE_MAX_CHARS or "\0" in value:
            detail = f"must be at most {VALUE_MAX_CHARS:,} characters"
            raise Problem(422, "wrong-field", detail, errors=[FieldError(name[:64], detail)])
    return {name: value.strip() for name, value in pairs if value.strip()}
