"""A row -> a CloudEvent, by the plan; what can't be said of a row is told by a Refused."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from app.cli.importing.mapping import Cell, Plan
from app.errors import FunnelError

_YES: Final = frozenset({"true", "yes", "y", "1", "x"})
_NO: Final = frozenset({"false", "no", "n", "0"})
_NEEDED: Final = ("source", "type", "subject")
_SAID: Final = ("tenantid", "source", "type", "subject", "time", "data")
"""What makes an interaction what it is; the rest says how it was brought here."""


_ASKED: Final = {
    "number": "a number, such as 1200 or 12.50",
    "boolean": "yes or no",
    "json": "JSON",
}


class Refused(Exception):
    """This row can't become an interaction: where, and why."""


def event_of(
    cells: Mapping[str, Any], plan: Plan, schemas: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """`schemas`: of the types' data, which say what is a number. Refused."""
    event: dict[str, Any] = {"specversion": "1.0"}
    for name, part in plan.attributes.items():
        schema = {"type": "boolean"} if name == "automated" else {"type": "string"}
        value = _value(part, cells, schema)
        if value is not None:
            event[name] = _moment(value, part) if name == "time" else value
        elif name in _NEEDED and isinstance(part, Cell):
            raise Refused(f"column {part.column}: is empty, and says the {name}")
    type_ = str(event.get("type"))
    data = _value({**plan.data, **plan.types.get(type_, {})}, cells, schemas.get(type_, {}))
    return with_id({**event, "data": data})


def as_it_is(document: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """A row that is a CloudEvent; what the options say of every row comes over it."""
    event: dict[str, Any] = {"specversion": "1.0", **document, **plan.attributes}
    data = event.get("data")
    if plan.data and isinstance(data, dict | None):
        event["data"] = {**(data or {}), **plan.data}
    return with_id(event)


def with_id(event: Mapping[str, Any]) -> dict[str, Any]:
    """An id of what it says, where it has none: the same row sent again is the same interaction."""
    if event.get("id"):
        return dict(event)
    said = [event.get(name) for name in _SAID]
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    return {**event, "id": f"import-{hashlib.sha256(text.encode()).hexdigest()[:32]}"}


def _value(part: Any, cells: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """None: nothing is said."""
    if isinstance(part, Cell):
        return _cell(part, cells.get(part.column), schema)
    if isinstance(part, dict):
        properties = schema.get("properties", {})
        found = {name: _value(each, cells, properties.get(name, {})) for name, each in part.items()}
        return {name: value for name, value in found.items() if value is not None}
    return part


def _cell(cell: Cell, found: Any, schema: Mapping[str, Any]) -> Any:
    if not isinstance(found, str) and found is not None and cell.values is None:
        return found  # JSON knows what it is
    text = "" if found is None else str(found).strip()
    if cell.values is not None and text in cell.values:
        return cell.values[text]
    if not text:
        return cell.default
    if cell.values is not None:
        raise Refused(f"column {cell.column}: is none of {', '.join(cell.values)}")
    if cell.hash is not None:
        return hashlib.sha256(text.lower().encode()).hexdigest()
    try:
        return _typed(text, cell.as_ or _kind(schema))
    except ValueError:
        asked = _ASKED[cell.as_ or _kind(schema)]
        raise Refused(f"column {cell.column}: must be {asked}") from None


def _kind(schema: Mapping[str, Any]) -> str:
    named = schema.get("type", "string")
    kinds = [named] if isinstance(named, str) else list(named)
    if "string" in kinds:
        return "text"
    names = {"integer": "number", "array": "list", "object": "json"}
    return names.get(kinds[0], kinds[0])


def _typed(text: str, kind: str) -> Any:
    """ValueError."""
    match kind:
        case "number":
            # 1e3 and nan are numbers to a computer; in a table they are mistakes.
            if not set(text) <= set("+-0123456789."):
                raise ValueError
            return float(text) if "." in text else int(text)
        case "boolean":
            if text.lower() not in _YES | _NO:
                raise ValueError
            return text.lower() in _YES
        case "list":
            return [each.strip() for each in text.split(";") if each.strip()]
        case "json":
            return json.loads(text)
    return text


def _moment(text: Any, part: Any) -> str:
    """RFC 3339."""
    cell = part if isinstance(part, Cell) else Cell("time")
    try:
        if cell.format is not None:
            moment = datetime.strptime(str(text), cell.format)
        else:
            moment = datetime.fromisoformat(str(text))
    except ValueError:
        asked = cell.format or "2026-03-02T09:14:05Z"
        raise Refused(f"column {cell.column}: is no time, such as {asked}") from None
    if moment.tzinfo is None:
        if cell.zone is None:
            raise Refused(f"column {cell.column}: names no time zone: say --zone Europe/Berlin")
        moment = moment.replace(tzinfo=_zone(cell.zone))
    return moment.isoformat()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise FunnelError(f"{name!r} is no time zone; write it as Europe/Berlin") from None


def plan_digest(plan: Plan) -> str:
    return hashlib.sha256(msgspec.json.encode(plan, order="deterministic")).hexdigest()
