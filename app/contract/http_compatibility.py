"""May today's openapi.json follow a released one? What a client of that would trip over."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.contract.compatibility import input_breaks, output_breaks

Document = Mapping[str, Any]
_REF: Final = "#/components/schemas/"


def http_breaks(old: Document, new: Document) -> Iterator[str]:
    for path, methods in old["paths"].items():
        for method, was in methods.items():
            place = f"{method.upper()} {path}"
            now = new["paths"].get(path, {}).get(method)
            if now is None:
                yield f"{place}: is gone"
                continue
            if was.get("operationId") != now.get("operationId"):
                yield f"{place}: operationId was {was.get('operationId')!r}: clients call it so"
            for told in (_parameters, _body, _answers):
                yield from (f"{place}: {each}" for each in told(old, new, was, now))


def _parameters(old: Document, new: Document, was: Document, now: Document) -> Iterator[str]:
    before, after = _by_name(was), _by_name(now)
    for key, parameter in after.items():
        if parameter.get("required") and not before.get(key, {}).get("required"):
            yield f"parameter {key[1]}: is required now"
    for key, parameter in before.items():
        if key not in after:
            yield f"parameter {key[1]}: is gone"
            continue
        schemas = (_whole(old, parameter["schema"]), _whole(new, after[key]["schema"]))
        yield from (f"parameter {key[1]}{each}" for each in input_breaks(*schemas))


def _by_name(operation: Document) -> dict[tuple[str, str], Document]:
    return {(each["in"], each["name"]): each for each in operation.get("parameters", ())}


def _body(old: Document, new: Document, was: Document, now: Document) -> Iterator[str]:
    before, after = was.get("requestBody", {}), now.get("requestBody", {})
    if after.get("required") and not before.get("required"):
        yield "body: is required now"
    contents = after.get("content", {})
    for media_type, content in before.get("content", {}).items():
        if media_type not in contents:
            yield f"body: {media_type} is not taken any more"
            continue
        schemas = (_whole(old, content["schema"]), _whole(new, contents[media_type]["schema"]))
        yield from (f"body{each}" for each in input_breaks(*schemas))


def _answers(old: Document, new: Document, was: Document, now: Document) -> Iterator[str]:
    for status, answer in was["responses"].items():
        found = now["responses"].get(status)
        if found is None:
            if status.startswith("2"):
                yield f"{status}: is not answered any more"
            continue
        contents = found.get("content", {})
        for media_type, content in answer.get("content", {}).items():
            if media_type not in contents:
                yield f"{status}: is no {media_type} any more"
                continue
            schemas = (_whole(old, content["schema"]), _whole(new, contents[media_type]["schema"]))
            yield from (f"{status}{each}" for each in output_breaks(*schemas, is_kept=False))


def _whole(document: Document, part: Any, within: frozenset[str] = frozenset()) -> Any:
    """With the schemas it refers to in their places; one that holds itself is left as a name."""
    if isinstance(part, list):
        return [_whole(document, each, within) for each in part]
    if not isinstance(part, Mapping):
        return part
    reference = part.get("$ref")
    if isinstance(reference, str) and reference.startswith(_REF) and reference not in within:
        named = document["components"]["schemas"][reference.removeprefix(_REF)]
        return _whole(document, named, within | {reference})
    return {name: _whole(document, each, within) for name, each in part.items()}
