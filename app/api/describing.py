"""What a route says of itself: its scope, and its part of the published description."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    Example,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    Operation,
    RequestBody,
    Responses,
    Schema,
)
from litestar.openapi.spec.enums import OpenAPIType

from app.api.principal import NEEDS, PUBLIC, Scope
from app.api.problems import MEDIA_TYPE, ProblemDetails

PROBLEMS: Final = {
    401: "There is no token, or it is not accepted.",
    403: "The token lacks the scope.",
    404: "There is no such thing, of this tenant.",
    409: "It can't be done as things stand: `detail` says why.",
    413: "The request is too large.",
    415: "The content-type is another than the ones listed.",
    422: "Something in the request is wrong: `errors` name the fields.",
    429: "Enough of that runs already: `Retry-After` says when to come again.",
    500: "A bug; `instance` is its reference in the log.",
    503: "PostgreSQL or Kafka is away, or no worker has run yet.",
    504: "It took too long.",
}
HEADERS: Final = {
    401: ("WWW-Authenticate", True, "What to authenticate with (RFC 9110)."),
    403: ("WWW-Authenticate", True, "The scope that is missing (RFC 6750)."),
    429: ("Retry-After", True, "In so many seconds."),
    503: ("Retry-After", False, "In so many seconds."),
}
"""Of each, whether it always comes."""
_examples: dict[str, msgspec.Struct] = {}
USUAL: Final = (401, 403, 404, 422, 500, 503, 504)
WITH_BODY: Final = (*USUAL, 413, 415)


@dataclass
class Described(Operation):
    """Without the framework's own 400: what is wrong is told as a problem, with 422."""

    def __post_init__(self) -> None:
        if self.responses is None:
            return
        self.responses.pop("400", None)
        for status, (name, is_always, text) in HEADERS.items():
            describe_header(self.responses, status, name, text, is_always=is_always)
        example = _examples.get(self.operation_id or "")
        if example is not None:
            _exemplify(self.responses, example)


def _exemplify(responses: Responses, example: msgspec.Struct) -> None:
    for status, answer in responses.items():
        if (
            status in ("200", "201", "202")
            and isinstance(answer, OpenAPIResponse)
            and answer.content
        ):
            # The Struct itself: of a dict the framework would leave out what is null.
            answer.content["application/json"].examples = {"example": Example(value=example)}


def describe_header(
    responses: Responses, status: int, name: str, text: str, *, is_always: bool = True
) -> None:
    """Of an answer, if there is one of that status."""
    answer = responses.get(str(status))
    if isinstance(answer, OpenAPIResponse):
        shown = OpenAPIHeader(
            schema=Schema(type=OpenAPIType.STRING), required=is_always, description=text
        )
        answer.headers = {**(answer.headers or {}), name: shown}


def describe_command(responses: Responses | None) -> None:
    """Of what is accepted and then done by the lanes, and may be waited for."""
    for status in (200, 202):
        text = "Where to ask what became of it."
        describe_header(responses or {}, status, "Location", text)
        text = "Where it was waited for: for so long at most (RFC 7240)."
        describe_header(responses or {}, status, "Preference-Applied", text, is_always=False)


def media(schema: Any, example: Any) -> OpenAPIMediaType:
    """`schema`: as plain JSON, which the framework takes as well as its own classes."""
    return OpenAPIMediaType(schema=schema, examples={"example": Example(value=example)})


def json_body(schema: Any, example: Any) -> RequestBody:
    return RequestBody(required=True, content={"application/json": media(schema, example)})


def exemplify(answers: Mapping[str, msgspec.Struct]) -> None:
    """What operations answer, by their ids: before they are described."""
    _examples.update(answers)


def needs(
    scope: Scope,
    tag: str,
    operation: type[Described] = Described,
    problems: Sequence[int] = USUAL,
) -> dict[str, Any]:
    """Of a route that a scope is needed for: checked before anything is read, and published."""
    return {
        "opt": {NEEDS: scope},
        "security": [{"bearer": [scope.value]}],
        "tags": [tag],
        "operation_class": operation,
        "responses": _responses(problems),
    }


def public(tag: str, problems: Sequence[int] = ()) -> dict[str, Any]:
    """Of a route that anybody may ask."""
    return {
        "opt": {PUBLIC: True},
        "security": [{}],
        "tags": [tag],
        "operation_class": Described,
        "responses": _responses(problems),
    }


def _responses(statuses: Sequence[int]) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(
            ProblemDetails,
            description=PROBLEMS[status],
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in sorted(statuses)
    }
