"""RFC 9457 problems: what was wrong, which field, what to do."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:funnel:problem:"
RETRY_AFTER_SECONDS: Final = 5


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
