"""Every error as a problem. Never a stack trace, never personal data: what the caller sent is not
repeated, and paths are not logged.
"""

import re
import traceback
import uuid
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from app.api.problems import MEDIA_TYPE, FieldError, Problem, unavailable
from app.errors import FunnelError, RevisionError, TopicsError, Unavailable

log = structlog.get_logger(__name__)


def answer_problem(_request: Request[Any, Any, Any], problem: Problem) -> Response[bytes]:
    return Response(
        msgspec.json.encode(problem.details),
        status_code=problem.details.status,
        media_type=MEDIA_TYPE,
        headers=problem.headers,
    )


def answer_http(request: Request[Any, Any, Any], failed: HTTPException) -> Response[bytes]:
    """What the framework refuses. Its own texts may quote the request: only known ones are used."""
    return answer_problem(request, problem_of(failed))


def answer_funnel(request: Request[Any, Any, Any], failed: FunnelError) -> Response[bytes]:
    return answer_problem(request, problem_of_funnel(failed))


def answer_bug(request: Request[Any, Any, Any], bug: Exception) -> Response[bytes]:
    return answer_problem(request, problem_of_bug(bug))


def problem_of_funnel(failed: FunnelError) -> Problem:
    if not isinstance(failed, Unavailable | RevisionError | TopicsError):
        return problem_of_bug(failed)
    log.warning("a request could not be served", reason=str(failed))
    return unavailable()


def problem_of_bug(bug: Exception) -> Problem:
    """Logged with its frames but without its message: that may quote what was asked for."""
    reference = uuid.uuid4().urn
    frames = "".join(traceback.format_tb(bug.__traceback__))
    log.error("a request failed", error=type(bug).__name__, reference=reference, frames=frames)
    detail = "a bug of the service: please report it with its instance, it stands in the log"
    problem = Problem(500, "bug", detail)
    problem.details = msgspec.structs.replace(problem.details, instance=reference)
    return problem


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


def problem_of(failed: HTTPException) -> Problem:
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
