"""Errors as RFC 9457 problems: what was wrong, which field, what to do. Never a stack trace, never
personal data: what the caller sent is not repeated, paths are not logged.
"""

import re
import traceback
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from app.errors import FunnelError, RevisionError, Unavailable

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:funnel:problem:"
RETRY_AFTER_SECONDS: Final = 5

log = structlog.get_logger(__name__)


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something wrong in one place of the request."""

    field: str
    """A JSON pointer into the body, or the name of a parameter or header."""
    detail: str
    """What it must be."""
    reason: str | None = None
    """Of an interaction: the dead letter reason it would have had."""
    index: int | None = None
    """Of a batch: which of its interactions, from 0."""


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
    instance: str | None = None
    """Of a 500: the reference under which it stands in the log."""
    reasons: list[str] = []
    """Of /readyz: what keeps it from being ready."""


class Problem(Exception):
    """Raised by handlers, answered as `details` say."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        errors: list[FieldError] | None = None,
        reasons: list[str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`kind` ends the problem's type, for machines to tell it by."""
        super().__init__(detail)
        title = HTTPStatus(status).phrase
        kind = TYPE_PREFIX + kind
        self.details = ProblemDetails(
            kind, title, status, detail, errors or [], reasons=reasons or []
        )
        self.headers = dict(headers or {})


def not_found(what: str) -> Problem:
    return Problem(404, "not-found", f"there is no such {what}; check its name and its tenant")


def wrong_field(field: str, detail: str) -> Problem:
    """One field of the request is wrong."""
    errors = [FieldError(field, detail)]
    return Problem(422, "wrong-field", f"{field}: {detail}", errors=errors)


def unavailable() -> Problem:
    return Problem(
        503,
        "unavailable",
        "PostgreSQL or Kafka can't be reached now: try again in a few seconds",
        headers={"retry-after": str(RETRY_AFTER_SECONDS)},
    )


def answer_problem(_request: Request[Any, Any, Any], problem: Problem) -> Response[bytes]:
    return Response(
        msgspec.json.encode(problem.details),
        status_code=problem.details.status,
        media_type=MEDIA_TYPE,
        headers=problem.headers,
    )


def answer_http(request: Request[Any, Any, Any], failed: HTTPException) -> Response[bytes]:
    """What the framework refuses. Its own texts may quote the request: only known ones are used."""
    return answer_problem(request, _of_http(failed))


def answer_funnel(request: Request[Any, Any, Any], failed: FunnelError) -> Response[bytes]:
    if not isinstance(failed, Unavailable | RevisionError):
        return answer_bug(request, failed)
    log.warning("a request could not be served", reason=str(failed))
    return answer_problem(request, unavailable())


def answer_bug(request: Request[Any, Any, Any], bug: Exception) -> Response[bytes]:
    """Logged with its frames but without its message: that may quote what was asked for."""
    reference = uuid.uuid4().urn
    frames = "".join(traceback.format_tb(bug.__traceback__))
    log.error("a request failed", error=type(bug).__name__, reference=reference, frames=frames)
    detail = "a bug of the service: please report it with its instance, it stands in the log"
    problem = Problem(500, "bug", detail)
    problem.details = msgspec.structs.replace(problem.details, instance=reference)
    return answer_problem(request, problem)


HANDLERS: Final = {
    Problem: answer_problem,
    HTTPException: answer_http,
    FunnelError: answer_funnel,
    Exception: answer_bug,
}

_DETAILS: Final = {
    400: ("wrong-request", "the request can't be read: see /schema for what it must look like"),
    404: ("not-found", "there is nothing at this address: /schema lists what there is"),
    405: ("wrong-method", "this address has other methods: see Allow, or /schema"),
    413: ("too-large", "the request is too large: send fewer interactions at once"),
    415: ("wrong-content-type", "the content-type is not one this address takes: see /schema"),
}


def _of_http(failed: HTTPException) -> Problem:
    headers = dict(failed.headers or {})
    if isinstance(failed, ValidationException):
        errors = [_field_error(each) for each in _extra(failed)] or _missing(failed.detail)
        detail = "; ".join(f"{each.field}: {each.detail}" for each in errors)
        kind = "wrong-field"
        return Problem(422, kind, detail or _DETAILS[400][1], errors=errors, headers=headers)
    kind, detail = _DETAILS.get(failed.status_code, ("refused", "the request was refused"))
    return Problem(failed.status_code, kind, detail, headers=headers)


def _extra(failed: ValidationException) -> list[dict[str, Any]]:
    extra = failed.extra
    return [each for each in extra if isinstance(each, dict)] if isinstance(extra, list) else []


def _missing(detail: str) -> list[FieldError]:
    """Of a parameter that was not given the framework tells the name in its text only."""
    found = re.search(r"Missing required \w+ parameter '([^']+)'", detail)
    return [FieldError(found[1], "is required")] if found else []


def _field_error(told: Mapping[str, Any]) -> FieldError:
    """msgspec quotes the value only after "Invalid": that part is left out."""
    message = str(told.get("message", ""))
    is_safe = message.startswith(("Expected", "Missing required", "Object missing"))
    return FieldError(
        str(told.get("key", "request")), message if is_safe else "is not valid: see /schema"
    )
